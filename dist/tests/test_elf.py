import re
import unittest

from . import given


class Elf(unittest.TestCase):
    def test_the_symbol_versions_that_are_read_are_those_that_readelf_prints(self):
        said = given.run("readelf", "--wide", "--version-info", given.BINARY)
        wanted = {}
        needs = said[said.index("Version needs section") :]
        for line in needs.splitlines():
            if file := re.search(r"File: (\S+)", line):
                wanted[file[1]] = set()
                last = file[1]
            elif name := re.search(r"Name: (\S+)", line):
                wanted[last].add(name[1])
        self.assertTrue(wanted)
        self.assertEqual(given.elf.Elf(given.BINARY.read_bytes()).versions, wanted)

    def test_the_libraries_that_are_read_are_those_that_readelf_prints_and_no_more_than_glibc_has(self):
        said = given.run("readelf", "--wide", "--dynamic", given.BINARY)
        binary = given.elf.Elf(given.BINARY.read_bytes())
        self.assertEqual(binary.libraries, sorted(re.findall(r"Shared library: \[(.+?)\]", said)))
        self.assertLessEqual(set(binary.libraries), {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"})

    def test_a_binary_of_this_machine_needs_no_newer_glibc_than_a_release_may(self):
        self.assertLessEqual(given.elf.Elf(given.BINARY.read_bytes()).glibc(), given.project.GLIBC_AT_MOST)

    def test_versions_are_compared_as_numbers_and_private_ones_are_none(self):
        binary = given.elf.Elf.__new__(given.elf.Elf)
        binary.versions = {"libc.so.6": {"GLIBC_2.9", "GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_PRIVATE"}, "libgcc_s.so.1": {"GCC_4.2.0"}}
        self.assertEqual(binary.glibc(), (2, 34))
        binary.versions = {"libgcc_s.so.1": {"GCC_4.2.0"}}
        self.assertIsNone(binary.glibc())

    def test_what_is_no_elf_file_is_refused(self):
        for data in (b"", b"MZ\x90\0", b"\x7fELF\x01\x01" + bytes(100)):
            with self.assertRaises(ValueError):
                given.elf.Elf(data)
