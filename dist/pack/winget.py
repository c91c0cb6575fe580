"""The three files of winget, schema 1.12.0. The installer is the bare .exe: zips with portable programs inside install nothing in some versions of winget."""

from . import project

SCHEMA = "1.12.0"
CPUS = {"x64": "x86_64", "arm64": "aarch64"}


def files(build, digests):
    """Name → text; `digests`: file name → SHA-256. Empty when no .exe is there."""
    name = f"{build.owner}.{project.NAME}"
    installers = []
    for cpu, machine in CPUS.items():
        exe = f"{project.NAME}-{machine}-pc-windows-msvc.exe"
        if exe in digests:
            installers.append(f"- Architecture: {cpu}\n  InstallerUrl: {build.download}/{exe}\n  InstallerSha256: {digests[exe].upper()}\n")
    if not installers:
        return {}

    def document(kind, body):
        head = f"# yaml-language-server: $schema=https://aka.ms/winget-manifest.{kind}.{SCHEMA}.schema.json\n"
        return f"{head}PackageIdentifier: {name}\nPackageVersion: {project.VERSION}\n{body}ManifestType: {kind}\nManifestVersion: {SCHEMA}\n"

    installer = f"InstallerType: portable\nCommands:\n- {project.NAME}\nInstallers:\n{''.join(installers)}"
    locale = (
        f"PackageLocale: en-US\nPublisher: {build.owner}\nPublisherUrl: https://github.com/{build.owner}\nPackageName: {project.NAME}\nPackageUrl: {build.repository}\n"
        f"License: {project.LICENCE}\nLicenseUrl: {build.repository}/blob/v{project.VERSION}/LICENSE-MIT\nShortDescription: '{project.DESCRIPTION}'\n"
        f"Moniker: {project.NAME}\nTags:\n" + "".join(f"- {word}\n" for word in project.KEYWORDS)
    )
    return {
        f"{name}.yaml": document("version", "DefaultLocale: en-US\n"),
        f"{name}.installer.yaml": document("installer", installer),
        f"{name}.locale.en-US.yaml": document("defaultLocale", locale),
    }


def write(build, digests):
    made = []
    for name, text in files(build, digests).items():
        path = build.out / name
        path.write_text(text)
        made.append(path)
    return made
