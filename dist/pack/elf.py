"""What a Linux binary needs of the system, read from the file itself (System V gABI, chapters 4 and 5; LSB symbol versions)."""

import re
import struct

MACHINES = {62: "x86_64", 183: "aarch64"}
SHT_DYNAMIC, SHT_GNU_VERNEED = 6, 0x6FFFFFFE
DT_NEEDED = 1
PT_INTERP = 3


class Elf:
    """A 64-bit little-endian ELF file: `machine`, `interpreter`, `libraries` and `versions` that it needs of each."""

    def __init__(self, data):
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("this is no 64-bit little-endian ELF file")
        self.data = data
        self.machine = MACHINES.get(self.number("<H", 18), "unknown")
        self.interpreter = self.find_interpreter()
        self.sections = [self.section(n) for n in range(self.number("<H", 60))]
        self.libraries = sorted(self.needed())
        self.versions = self.needed_versions()

    def number(self, form, at):
        return struct.unpack_from(form, self.data, at)[0]

    def text(self, at):
        return self.data[at : self.data.index(b"\0", at)].decode()

    def find_interpreter(self):
        start, size, count = self.number("<Q", 32), self.number("<H", 54), self.number("<H", 56)
        for at in range(start, start + size * count, size):
            if self.number("<I", at) == PT_INTERP:
                return self.text(self.number("<Q", at + 8))
        return ""

    def section(self, n):
        """(type, offset, size, link, info) of section header n."""
        at = self.number("<Q", 40) + n * self.number("<H", 58)
        return self.number("<I", at + 4), *struct.unpack_from("<QQII", self.data, at + 24)

    def needed(self):
        for kind, offset, size, link, _ in self.sections:
            if kind == SHT_DYNAMIC:
                strings = self.sections[link][1]
                for at in range(offset, offset + size, 16):
                    tag, value = struct.unpack_from("<QQ", self.data, at)
                    if tag == DT_NEEDED:
                        yield self.text(strings + value)

    def needed_versions(self):
        """Library → versions of symbols that are asked of it."""
        found = {}
        for kind, at, _, link, count in self.sections:
            if kind != SHT_GNU_VERNEED:
                continue
            strings = self.sections[link][1]
            for _ in range(count):
                entries, file, first, following = struct.unpack_from("<HIII", self.data, at + 2)
                one = at + first
                for _ in range(entries):
                    name, step = struct.unpack_from("<II", self.data, one + 8)
                    found.setdefault(self.text(strings + file), set()).add(self.text(strings + name))
                    one += step
                at += following
        return found

    def glibc(self):
        """The newest version of glibc that a symbol asks for, such as (2, 34); None for a static binary."""
        all_of = [v for versions in self.versions.values() for v in versions]
        numbers = [tuple(map(int, m[1].split("."))) for m in (re.fullmatch(r"GLIBC_(\d+(?:\.\d+)+)", v) for v in all_of) if m]
        return max(numbers)[:2] if numbers else None

    def triple(self):
        """Rust's name for where it runs."""
        return f"{self.machine}-unknown-linux-{'musl' if not self.glibc() else 'gnu'}"
