"""The Homebrew formula of a tap of one's own, for the archives that are there."""

from . import project

SYSTEMS = {"macos": "apple-darwin", "linux": "unknown-linux-gnu"}
CPUS = {"arm": "aarch64", "intel": "x86_64"}


def text(build, digests):
    """`digests`: archive's file name → SHA-256. Empty when there is no archive that Homebrew could install."""
    blocks = []
    for system, triple in SYSTEMS.items():
        inner = []
        for cpu, machine in CPUS.items():
            name = f"{project.NAME}-{machine}-{triple}.tar.gz"
            if name in digests:
                inner.append(f'    on_{cpu} do\n      url "{build.download}/{name}"\n      sha256 "{digests[name]}"\n    end\n')
        if inner:
            blocks.append(f"  on_{system} do\n{''.join(inner)}  end\n")
    if not blocks:
        return ""
    return f'''class MssqlMcp < Formula
  desc "{project.DESCRIPTION.split(":")[0]} from AI clients"
  homepage "{build.repository}"
  version "{project.VERSION}"
  license any_of: ["MIT", "Apache-2.0"]

{chr(10).join(blocks)}
  def install
    bin.install "mssql-mcp"
    bash_completion.install "completions/mssql-mcp.bash" => "mssql-mcp"
    zsh_completion.install "completions/_mssql-mcp"
    fish_completion.install "completions/mssql-mcp.fish"
  end

  service do
    run [opt_bin/"mssql-mcp", "serve"]
    keep_alive crashed: true
  end

  test do
    assert_match version.to_s, shell_output("#{{bin}}/mssql-mcp --version")
    assert_match "Orders", shell_output("#{{bin}}/mssql-mcp call --demo list_tables")
  end
end
'''


def write(build, digests):
    made = text(build, digests)
    if not made:
        return []
    path = build.out / "mssql-mcp.rb"
    path.write_text(made)
    return [path]
