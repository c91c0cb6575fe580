# Installs mssql-mcp @VERSION@ for the person who runs it: irm @DOWNLOAD@/install.ps1 | iex
#   MSSQL_MCP_BIN        the folder to put it into (%LOCALAPPDATA%\Programs\mssql-mcp)
#   MSSQL_MCP_DOWNLOAD   where the archives are (@DOWNLOAD@)
# Nothing is installed whose checksum is not the one in SHA256SUMS.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'

function Install-MssqlMcp {
  $base = if ($env:MSSQL_MCP_DOWNLOAD) { $env:MSSQL_MCP_DOWNLOAD } else { '@DOWNLOAD@' }
  $bin = if ($env:MSSQL_MCP_BIN) { $env:MSSQL_MCP_BIN } else { Join-Path $env:LOCALAPPDATA 'Programs\mssql-mcp' }
  # A 32-bit PowerShell on a 64-bit system names the system's processor in the second variable.
  $machine = if ($env:PROCESSOR_ARCHITEW6432) { $env:PROCESSOR_ARCHITEW6432 } else { $env:PROCESSOR_ARCHITECTURE }
  $cpu = switch ($machine) { 'AMD64' { 'x86_64' } 'ARM64' { 'aarch64' } default { throw "there is no build for $machine" } }
  $folder = "mssql-mcp-$cpu-pc-windows-msvc"
  $archive = "$folder.zip"

  $work = Join-Path ([IO.Path]::GetTempPath()) ([IO.Path]::GetRandomFileName())
  New-Item -ItemType Directory -Path $work | Out-Null
  try {
    [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
    Invoke-WebRequest -UseBasicParsing -Uri "$base/SHA256SUMS" -OutFile (Join-Path $work 'SHA256SUMS')
    Invoke-WebRequest -UseBasicParsing -Uri "$base/$archive" -OutFile (Join-Path $work $archive)
    $line = Get-Content (Join-Path $work 'SHA256SUMS') | Where-Object { ($_ -split '\s+')[1] -eq $archive }
    if (-not $line) { throw "SHA256SUMS does not name $archive" }
    $wanted = ($line -split '\s+')[0]
    $found = (Get-FileHash -Algorithm SHA256 (Join-Path $work $archive)).Hash.ToLowerInvariant()
    if ($found -ne $wanted) { throw "the checksum of $archive is $found, and SHA256SUMS says ${wanted}: nothing was installed" }

    Expand-Archive -Path (Join-Path $work $archive) -DestinationPath $work
    New-Item -ItemType Directory -Force -Path $bin | Out-Null
    Copy-Item -Force (Join-Path $work "$folder\mssql-mcp.exe") (Join-Path $bin 'mssql-mcp.exe')
    $path = [Environment]::GetEnvironmentVariable('Path', 'User')
    if (($path -split ';') -notcontains $bin) {
      [Environment]::SetEnvironmentVariable('Path', (@($path, $bin) | Where-Object { $_ }) -join ';', 'User')
      Write-Output "$bin is in PATH for programs that start from now on"
    }
    Write-Output "installed $(& (Join-Path $bin 'mssql-mcp.exe') --version) as $(Join-Path $bin 'mssql-mcp.exe')"
  }
  finally {
    Remove-Item -Recurse -Force $work
  }
}

Install-MssqlMcp
