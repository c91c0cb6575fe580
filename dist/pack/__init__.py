"""The packages of a binary that is already built: a file for each kind, over what they share (`project`, `elf`, `fixed`)."""
