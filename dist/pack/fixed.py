"""Archives whose bytes depend on their content alone: sorted names, one time, modes by what a file is for, nobody's user."""

import gzip
import io
import tarfile
import time
import zipfile

# A ZIP knows no time before it.
ZIP_FIRST = 315532800


def tar_gz(path, files, epoch, level=9):
    """Writes `files` (name → (bytes, mode)) with a folder entry for every folder on the way."""
    folders = {"/".join(name.split("/")[:n]) for name in files for n in range(1, name.count("/") + 1)}
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name in sorted(folders | set(files)):
            entry = tarfile.TarInfo(name)
            entry.mtime = epoch
            if name in files:
                data, entry.mode = files[name]
                entry.size = len(data)
                tar.addfile(entry, io.BytesIO(data))
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
    with path.open("wb") as out, gzip.GzipFile("", "wb", level, out, mtime=0) as packed:
        packed.write(raw.getvalue())


def zip_file(path, files, epoch, level=9):
    """Writes `files` (name → (bytes, mode)) in the order that they have; modes are Unix's, whatever this runs on."""
    stamp = time.gmtime(max(epoch, ZIP_FIRST))[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as out:
        for name, (data, mode) in files.items():
            entry = zipfile.ZipInfo(name, stamp)
            entry.create_system = 3
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, data, zipfile.ZIP_DEFLATED, level)
