#!/usr/bin/env bash
# The first certificate, before nginx can start with it. Domain and e-mail stand in .env and nowhere else. Safe to run again: what
# is there and good for more than 30 days is left alone.
#   ./setup-letsencrypt.sh            a certificate that browsers trust
#   ./setup-letsencrypt.sh --staging  one that they do not, to try without using up Let's Encrypt's limits
#   ./setup-letsencrypt.sh --dry-run  say what would be done
set -euo pipefail
cd "$(dirname "$0")"

staging="" dry=""
for arg in "$@"; do
  case "$arg" in
    --staging) staging=1 ;;
    --dry-run) dry=1 ;;
    -h | --help) sed -n '2,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "unknown option $arg; --staging and --dry-run are known" >&2; exit 2 ;;
  esac
done

[ -f .env ] || { echo ".env is missing: cp .env.example .env, and fill it in" >&2; exit 2; }
value() { sed -n "s/^$1=//p" .env | tail -n 1 | tr -d '\r' | sed 's/^"\(.*\)"$/\1/'; }
domain=$(value DOMAIN)
email=$(value LETSENCRYPT_EMAIL)
[ -n "$domain" ] || { echo "DOMAIN is empty in .env" >&2; exit 2; }
[ -n "$email" ] || { echo "LETSENCRYPT_EMAIL is empty in .env" >&2; exit 2; }
case "$domain" in
  *[!A-Za-z0-9.-]* | .* | -* | *..*) echo "DOMAIN=$domain is no host name" >&2; exit 2 ;;
  *.*) ;;
  *) echo "DOMAIN=$domain has no dot: Let's Encrypt gives certificates for public names only" >&2; exit 2 ;;
esac

run() {
  if [ -n "$dry" ]; then
    echo "would run: $*"
  else
    "$@"
  fi
}

live="/etc/letsencrypt/live/$domain/fullchain.pem"
if [ -z "$dry" ] && docker compose run --rm --no-deps --entrypoint /bin/sh certbot -c \
  "test -f '$live' && openssl x509 -checkend 2592000 -noout -in '$live'" >/dev/null 2>&1; then
  echo "$domain has a certificate that is good for more than 30 days; nothing to do"
  exit 0
fi

# Port 80 is free until nginx starts; if nginx runs already, it serves the challenge.
options=(certonly --non-interactive --agree-tos --email "$email" -d "$domain" --keep-until-expiring)
[ -z "$staging" ] || options+=(--staging)
if [ -z "$dry" ] && [ -n "$(docker compose ps -q nginx-container 2>/dev/null)" ]; then
  run docker compose run --rm --no-deps --entrypoint certbot certbot "${options[@]}" --webroot -w /var/www/certbot
  run docker compose exec nginx-container nginx -s reload
else
  run docker compose run --rm --no-deps -p 80:80 --entrypoint certbot certbot "${options[@]}" --standalone
fi
run docker compose up -d
if [ -n "$dry" ]; then
  echo "nothing was done"
else
  echo "done: https://$domain/health"
fi
