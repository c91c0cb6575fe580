"""What every client must get from the demo, whatever SDK it is made of."""
import json
import pathlib
import sys

SNAPSHOT = pathlib.Path(__file__).parent.parent / "integration/snapshots/integration__wire__tools_list_2026_07_28.snap"
# The tools that there are, as the snapshot of tools/list has them.
TOOLS = [tool["name"] for tool in json.loads(SNAPSHOT.read_text().split("---\n", 2)[2])["result"]["tools"]]


async def check(name, list_tools, call_tool):
    names = [t.name for t in (await list_tools()).tools]
    assert len(names) >= 4 and names == TOOLS, names

    async def text(tool, args):
        r = await call_tool(tool, args)
        assert not is_error(r), r
        return json.loads(r.content[0].text)

    tables = await text("list_tables", {})
    assert next(t for t in tables["tables"] if t["name"] == "Orders")["rows"] == 20000
    described = await text("describe_table", {"table_name": "[dbo].[Notes.Archive]"})
    assert [c["name"] for c in described["columns"]] == ["Note Id", "Note Text", "Created.At"]
    rows = await text("execute_sql", {"query": "SELECT COUNT(*) AS n FROM sales.Orders WHERE Status = @s", "params": {"s": "Open"}})
    assert rows["results"][0]["rows"] == [[4000]], rows
    sample = await text("get_table_sample", {"table_name": "Employees"})
    assert sample["results"][0]["row_count"] == 5
    bad = await call_tool("execute_sql", {"query": "SELECT * FROM nope"})
    assert is_error(bad) and json.loads(bad.content[0].text)["error"]["number"] == 208, bad
    print(f"{name}: ok", flush=True)


def is_error(r):
    return getattr(r, "isError", None) or getattr(r, "is_error", None) or False


def target():
    return sys.argv[1], sys.argv[2], sys.argv[3:]
