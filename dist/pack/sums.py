"""SHA-256 of what is downloaded: SHA256SUMS in the form of sha256sum."""

import hashlib


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(build, paths):
    path = build.out / "SHA256SUMS"
    path.write_text("".join(f"{sha256(p)}  {p.name}\n" for p in sorted(paths, key=lambda p: p.name)))
    return path
