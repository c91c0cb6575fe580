#!/usr/bin/env bash
# Looks at a deployed server from outside, as a client would, and says what is wrong.
#   smoke.sh URL         URL is what clients type, such as https://mcp.example.com/mcp or https://mcp.example.com/demo/sse
# SMOKE_TOKEN            a machine's token (mssql-mcp token create smoke --days 1): the event stream is tried too
# SMOKE_CA               a PEM file, where the certificate is of a private CA
# SMOKE_DIRECT_PORT      the server's own port, which must not be reachable (8008)
# SMOKE_HTTP_PORT        where plain HTTP is redirected (80)
# SMOKE_DAYS             days that the certificate must still have (14)
set -uo pipefail

url=${1:-}
case "$url" in
  https://*/mcp | https://*/sse) ;;
  *) echo "usage: smoke.sh https://HOST[/PREFIX]/mcp (or /sse)" >&2; exit 2 ;;
esac
rest=${url#https://}
authority=${rest%%/*}
path=/${rest#*/}
prefix=${path%/*}
host=${authority%%:*}
port=${authority##*:}
[ "$port" != "$authority" ] || port=443
origin=https://$authority
failed=0
curl=(curl --silent --show-error --max-time 15)
openssl_ca=()
if [ -n "${SMOKE_CA:-}" ]; then
  curl+=(--cacert "$SMOKE_CA")
  openssl_ca=(-CAfile "$SMOKE_CA")
fi

ok() { echo "ok    $1"; }
bad() {
  echo "FAIL  $1"
  failed=1
}
# header NAME < headers: the values of a header, a line each
header() { tr -d '\r' | sed -n "s/^$1: *//Ip"; }
# field NAME < JSON: a text of the outermost object
field() { tr -d '\n' | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }

# --- TLS ------------------------------------------------------------------------------------------------------------------
days=${SMOKE_DAYS:-14}
certificate=$(openssl s_client -connect "$host:$port" -servername "$host" "${openssl_ca[@]}" -verify_return_error </dev/null 2>&1)
# After an error of verification openssl still ends with a return code of 0.
if grep -q -i 'verify error' <<<"$certificate" || ! grep -q 'Verify return code: 0' <<<"$certificate"; then
  bad "the certificate of $host:$port is not trusted: $(grep -m1 -i -E 'verify error|Verify return code|errno|refused' <<<"$certificate")"
elif ! openssl x509 -noout -checkend $((days * 86400)) <<<"$certificate" >/dev/null 2>&1; then
  bad "the certificate has fewer than $days days left: $(openssl x509 -noout -enddate <<<"$certificate" 2>/dev/null)"
else
  ok "certificate: $(openssl x509 -noout -enddate <<<"$certificate" 2>/dev/null)"
fi

# --- health ---------------------------------------------------------------------------------------------------------------
health=$("${curl[@]}" "$origin$prefix/health" 2>&1)
case "$(field status <<<"$health")" in
  healthy) ok "health: $health" ;;
  degraded) bad "health: the server does not reach its database: $health" ;;
  *) bad "health: $origin$prefix/health answers: ${health:-nothing}" ;;
esac
if grep -q '"oauth": *"disabled"' <<<"$health"; then bad "sign-in is off: anybody who gets here can query"; fi

head=$("${curl[@]}" -o /dev/null -D - "$origin$prefix/health" 2>&1)
for want in 'strict-transport-security|max-age=' 'x-content-type-options|nosniff' 'x-frame-options|DENY'; do
  value=$(header "${want%%|*}" <<<"$head")
  case "$value" in
    *"${want##*|}"*) ;;
    *) bad "the header ${want%%|*} is missing: is nginx running with the shipped configuration?" ;;
  esac
done

# --- discovery ------------------------------------------------------------------------------------------------------------
document=$origin/.well-known/oauth-protected-resource$path
resource=$("${curl[@]}" "$document" 2>&1)
if [ "$(field resource <<<"$resource")" = "$url" ]; then
  ok "resource metadata names $url"
else
  bad "$document must name resource $url, exactly as it is typed; it answers: $resource"
fi
issuer=$(tr -d '\n' <<<"$resource" | sed -n 's/.*"authorization_servers": *\["\([^"]*\)".*/\1/p')
builtin=""
if [ "$issuer" = "$origin" ]; then
  builtin=1
  server=$("${curl[@]}" "$origin/.well-known/oauth-authorization-server" 2>&1)
  if [ "$(field issuer <<<"$server")" = "$origin" ] && grep -q '"S256"' <<<"$server"; then
    ok "authorization server metadata: issuer $origin"
  else
    bad "$origin/.well-known/oauth-authorization-server must name issuer $origin and S256: is http.public_url right? It answers: $server"
  fi
elif [ -n "$issuer" ]; then
  ok "sign-in is at $issuer"
else
  bad "the resource metadata names no authorization server"
fi

# --- 401 ------------------------------------------------------------------------------------------------------------------
answer=$("${curl[@]}" -D - -X POST -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \
  -d '{"jsonrpc":"2.0","id":1,"method":"ping"}' "$url" 2>&1)
status=$(sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p' <<<"$answer")
challenge=$(header www-authenticate <<<"$answer")
case "$status:$challenge" in
  401:Bearer*"resource_metadata=\"$document\""*) ok "401 without a token, and where to sign in" ;;
  401:*) bad "401, but WWW-Authenticate does not lead to $document: $challenge" ;;
  *) bad "POST $url without a token must be 401; it is ${status:-no answer}" ;;
esac

# --- registration ---------------------------------------------------------------------------------------------------------
if [ -n "$builtin" ]; then
  register() { "${curl[@]}" -w '\n%{http_code}' -X POST -H 'Content-Type: application/json' -d "$1" "$origin/register" 2>&1; }
  answer=$(register '{"client_name":"test"}')
  if [ "${answer##*$'\n'}" = 400 ] && [ "$(field error <<<"$answer")" = invalid_redirect_uri ]; then
    ok "registration without redirect_uris is refused"
  else
    bad "registration without redirect_uris must be 400 invalid_redirect_uri: $answer"
  fi
  answer=$(register '{"client_name":"smoke test","redirect_uris":["http://localhost/callback"],"token_endpoint_auth_method":"none"}')
  if [ "${answer##*$'\n'}" = 201 ] && [ -n "$(field client_id <<<"$answer")" ]; then
    ok "a client can register"
  else
    bad "registration must be 201 with a client_id: $answer"
  fi
fi

# --- event streams --------------------------------------------------------------------------------------------------------
head=$("${curl[@]}" --head "$origin$prefix/sse" 2>&1)
if grep -q '^HTTP/[0-9.]* 404' <<<"$head"; then
  echo "note  /sse is switched off (http.sse)"
else
  if [ "$(header content-type <<<"$head")" = text/event-stream ]; then
    ok "HEAD $prefix/sse"
  else
    bad "HEAD $origin$prefix/sse must answer 200 with text/event-stream: $(head -n 1 <<<"$head")"
  fi
  if [ -n "${SMOKE_TOKEN:-}" ]; then
    # The stream stays open, so curl ends by its time limit; what a buffer holds back does not arrive until then.
    stream=$(curl --silent --no-buffer --compressed --max-time 4 "${curl[@]:5}" -D - -H "Authorization: Bearer $SMOKE_TOKEN" -H 'Accept: text/event-stream' "$origin$prefix/sse" 2>&1)
    if ! grep -q '^HTTP/' <<<"$stream"; then
      bad "GET $prefix/sse answers nothing within 4 s: something on the way gathers the event stream (proxy_buffering off?)"
    elif ! grep -q '^HTTP/[0-9.]* 200' <<<"$stream"; then
      bad "GET $prefix/sse with SMOKE_TOKEN: $(head -n 1 <<<"$stream")"
    elif ! grep -q '^event: endpoint' <<<"$stream"; then
      bad "the first event does not arrive: something on the way gathers the event stream (proxy_buffering off?)"
    else
      for one in 'content-type|text/event-stream' 'cache-control|no-cache, no-transform' 'x-accel-buffering|no'; do
        [ "$(header "${one%%|*}" <<<"$stream")" = "${one##*|}" ] || bad "the event stream must have ${one%%|*}: ${one##*|}, once"
      done
      ok "the event stream arrives as it is written"
    fi
  else
    echo "note  set SMOKE_TOKEN to try the event stream"
  fi
fi

# --- what must not be there -------------------------------------------------------------------------------------------------
direct=${SMOKE_DIRECT_PORT:-8008}
if timeout 5 bash -c "exec 3<>/dev/tcp/$host/$direct" 2>/dev/null; then
  bad "port $direct of $host can be reached: it must not be published"
else
  ok "port $direct is not reachable"
fi
plain=$(curl --silent --max-time 10 -o /dev/null -w '%{http_code} %{redirect_url}' "http://$host:${SMOKE_HTTP_PORT:-80}/health" 2>&1)
case "$plain" in
  30[18]\ https://*) ok "plain HTTP is sent to HTTPS" ;;
  000*) echo "note  nothing answers on port ${SMOKE_HTTP_PORT:-80}" ;;
  *) bad "plain HTTP must be redirected to HTTPS; it answers $plain" ;;
esac

if [ "$failed" = 0 ]; then echo "all is well"; else exit 1; fi
