// Places for a few tables: layers from what refers to what is referred to, the tables of a layer in an order with few crossings. For some forty tables; it is no
// layout for hundreds.

export interface Box {
  id: string;
  width: number;
  height: number;
  x: number;
  y: number;
}

const BETWEEN_LAYERS = 70;
const BETWEEN_BOXES = 18;
const SWEEPS = 6;

/** Edges without those that would close a circle. */
function acyclic(ids: string[], edges: [string, string][]): [string, string][] {
  const out = new Map<string, string[]>(ids.map((id) => [id, []]));
  for (const [a, b] of edges) if (a !== b) out.get(a)?.push(b);
  const state = new Map<string, 1 | 2>();
  const kept: [string, string][] = [];
  const visit = (id: string): void => {
    state.set(id, 1);
    for (const next of out.get(id) ?? []) {
      if (state.get(next) === 1) continue;
      kept.push([id, next]);
      if (!state.has(next)) visit(next);
    }
    state.set(id, 2);
  };
  for (const id of ids) if (!state.has(id)) visit(id);
  return kept;
}

/** How far each is from those that nothing refers to; a table stands next to what it refers to. */
function layers(ids: string[], edges: [string, string][]): Map<string, number> {
  const at = new Map<string, number>(ids.map((id) => [id, 0]));
  for (let round = 0; round < ids.length; round++) {
    let changed = false;
    for (const [a, b] of edges) {
      if (at.get(b)! <= at.get(a)!) {
        at.set(b, at.get(a)! + 1);
        changed = true;
      }
    }
    if (!changed) break;
  }
  for (const id of ids) {
    const to = edges.filter(([a]) => a === id).map(([, b]) => at.get(b)!);
    if (to.length > 0) at.set(id, Math.min(...to) - 1);
  }
  return at;
}

function ordered(rows: string[][], edges: [string, string][]): void {
  const near = new Map<string, string[]>();
  for (const [a, b] of edges) {
    near.set(a, [...(near.get(a) ?? []), b]);
    near.set(b, [...(near.get(b) ?? []), a]);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const place = new Map<string, number>();
    for (const row of rows) row.forEach((id, i) => place.set(id, i - row.length / 2));
    for (const row of sweep % 2 === 0 ? rows : [...rows].reverse()) {
      const middle = new Map(row.map((id) => {
        const others = (near.get(id) ?? []).filter((n) => !row.includes(n)).map((n) => place.get(n) ?? 0);
        return [id, others.length === 0 ? place.get(id)! : others.reduce((a, b) => a + b, 0) / others.length];
      }));
      row.sort((a, b) => middle.get(a)! - middle.get(b)! || place.get(a)! - place.get(b)!);
      row.forEach((id, i) => place.set(id, i - row.length / 2));
    }
  }
}

/** Gives each box its place; the size of all of them. */
export function arrange(boxes: Box[], edges: [string, string][]): { width: number; height: number } {
  const ids = boxes.map((b) => b.id);
  const forward = acyclic(ids, edges);
  const at = layers(ids, forward);
  const used = [...new Set(at.values())].sort((a, b) => a - b);
  const rows = used.map((n) => ids.filter((id) => at.get(id) === n));
  ordered(rows, forward);
  const box = new Map(boxes.map((b) => [b.id, b]));
  const heights = rows.map((row) => row.reduce((sum, id) => sum + box.get(id)!.height + BETWEEN_BOXES, -BETWEEN_BOXES));
  const height = Math.max(0, ...heights);
  let x = 0;
  rows.forEach((row, n) => {
    let y = (height - heights[n]!) / 2;
    let widest = 0;
    for (const id of row) {
      const b = box.get(id)!;
      [b.x, b.y] = [x, y];
      y += b.height + BETWEEN_BOXES;
      widest = Math.max(widest, b.width);
    }
    x += widest + BETWEEN_LAYERS;
  });
  return { width: Math.max(0, x - BETWEEN_LAYERS), height };
}
