"""install.sh and install.ps1, with the version, the place of the downloads and the glibc that the ordinary build needs."""

from . import project


def filled(build, text, glibc):
    major, minor = glibc
    for word, value in {
        "@VERSION@": project.VERSION,
        "@DOWNLOAD@": build.download,
        "@GLIBC_MAJOR@": str(major),
        "@GLIBC_MINOR@": str(minor),
        "@GLIBC@": f"{major}.{minor}",
    }.items():
        text = text.replace(word, value)
    return text


def write(build):
    made = []
    for name, mode in {"install.sh": 0o755, "install.ps1": 0o644}.items():
        path = build.out / name
        path.write_text(filled(build, (project.TEMPLATES / name).read_text(), project.GLIBC_AT_MOST))
        path.chmod(mode)
        made.append(path)
    return made
