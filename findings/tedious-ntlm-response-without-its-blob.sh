#!/usr/bin/env bash
# tedious 19.2.2 (npm; the driver below mssql and most JavaScript servers): its NTLM answer names 16 bytes as NtChallengeResponse and sends the rest of the NTLMv2
# response behind them, outside of every field; and it takes milliseconds for seconds in the time that it signs.
#
# An NTLMv2 response is a proof of 16 bytes and the blob that it is a proof of (MS-NLMP 2.2.2.8), and the field's length is that of both. A server that reads by the fields finds
# no blob and can check the LMv2 answer alone, which servers that demand NTLMv2 do not take: gss-ntlmssp lets it in with LM_COMPAT_LEVEL 0 or 1, and refuses the right password
# from 2 on. The time is tens of thousands of years ahead, where a server compares it with its clock.
# Seen: NtChallengeResponse 16, bytes behind every field 48, year beyond 9999 true
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm init --yes > /dev/null
npm install --silent --no-audit --no-fund tedious@19.2.2
cat > seen.cjs <<'JS'
const Answer = require("tedious/lib/ntlm-payload");
// A challenge whose TargetInfo has the domain's name and its end (MS-NLMP 2.2.2.1).
const name = Buffer.from("CORP", "utf16le");
const target = Buffer.concat([Buffer.from([2, 0, name.length, 0]), name, Buffer.from([0, 0, 0, 0])]);
const made = new Answer({ domain: "CORP", userName: "ada", password: "p", ntlmpacket: { nonce: Buffer.alloc(8, 7), target } }).data;
const field = (at) => ({ length: made.readUInt16LE(at), offset: made.readUInt32LE(at + 4) });
const fields = [12, 20, 28, 36, 44, 52].map(field);
const end = Math.max(...fields.map((f) => f.offset + f.length));
// FILETIME: tenths of a microsecond since 1601, 8 bytes behind the beginning of the blob.
const years = Number(made.readBigUInt64LE(end + 8) / 10_000_000n) / (365.2425 * 86_400);
console.log(`NtChallengeResponse ${fields[1].length}, bytes behind every field ${made.length - end}, year beyond 9999 ${1601 + years > 9999}`);
JS
seen=$(node seen.cjs)
echo "$seen"
[ "$seen" = "NtChallengeResponse 16, bytes behind every field 48, year beyond 9999 true" ]
