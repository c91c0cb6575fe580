"""PyPI mcp 2.x signs in: discovery, registration, the real pages, the four tools, step-up, refresh, revocation."""
import asyncio
import html
import json
import re
import sys
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from mcp.client import Client
from mcp.client.auth import OAuthClientProvider, TokenStorage
from mcp.client.auth.oauth2 import AuthorizationCodeResult
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthClientMetadata

from expect import check, is_error

url, password = sys.argv[1], sys.argv[2]
origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
CALLBACK = "http://127.0.0.1:41999/callback"


class Storage(TokenStorage):
    tokens = None
    client = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.client

    async def set_client_info(self, client):
        self.client = client


class Person:
    """Reads the pages and fills in the forms."""

    def __init__(self):
        self.browser = httpx2.AsyncClient(follow_redirects=False)
        self.returned = None
        self.seen = []

    async def redirect(self, to):
        r = await self.browser.get(to)
        for _ in range(6):
            if r.status_code in (302, 303):
                to = r.headers["location"]
                if to.startswith(CALLBACK):
                    q = parse_qs(urlsplit(to).query)
                    self.returned = {k: v[0] for k, v in q.items()}
                    return
                r = await self.browser.get(origin + to)
                continue
            assert r.status_code == 200, r.text
            fields = {k: html.unescape(v) for k, v in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', r.text)}
            if 'type="password"' in r.text:
                self.seen.append("login")
                fields |= {"username": "demo", "password": password}
            else:
                self.seen.append("consent")
                fields |= {"do": "approve"}
            r = await self.browser.post(
                origin + "/authorize",
                content=urlencode(fields),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Origin": origin},
            )
        raise AssertionError("the pages lead nowhere")

    async def callback(self):
        q = self.returned
        assert q.get("iss") == origin, q
        return AuthorizationCodeResult(code=q["code"], state=q.get("state"), iss=q.get("iss"))


async def main():
    person, storage = Person(), Storage()
    provider = OAuthClientProvider(
        server_url=url,
        client_metadata=OAuthClientMetadata(client_name="mcp 2.x", redirect_uris=[CALLBACK], token_endpoint_auth_method="none"),
        storage=storage,
        redirect_handler=person.redirect,
        callback_handler=person.callback,
    )
    async with httpx2.AsyncClient(auth=provider, timeout=30) as http:
        async with Client(streamable_http_client(url, http_client=http)) as client:
            await check("PyPI mcp 2.x signed in", client.list_tools, client.call_tool)
            assert person.seen == ["login", "consent"], person.seen
            assert storage.tokens.scope == "mssql:read", storage.tokens
            # Step-up: the call needs more than was granted, and the client asks for all that it needs.
            r = await client.call_tool("execute_sql", {"query": "UPDATE dbo.Employees SET Name = Name"})
            assert not is_error(r) and json.loads(r.content[0].text)["committed"], r
            assert set(storage.tokens.scope.split()) == {"mssql:read", "mssql:write"}, storage.tokens
            assert person.seen == ["login", "consent", "consent"], person.seen
            print("step-up: ok")
            # A dead access token is refreshed without the person.
            before = storage.tokens
            async with httpx2.AsyncClient() as plain:
                form = {"token": before.access_token, "client_id": storage.client.client_id}
                assert (await plain.post(origin + "/revoke", data=form)).status_code == 200
                form = {"grant_type": "refresh_token", "refresh_token": before.refresh_token, "client_id": storage.client.client_id}
                r = await plain.post(origin + "/token", data=form)
                assert r.status_code == 200, r.text
                fresh = r.json()
                assert fresh["refresh_token"] != before.refresh_token
                bearer = {"Authorization": "Bearer " + before.access_token}
                assert (await plain.post(url, json={}, headers=bearer)).status_code == 401
                # And the whole grant ends with its refresh token.
                form = {"token": fresh["refresh_token"], "client_id": storage.client.client_id}
                assert (await plain.post(origin + "/revoke", data=form)).status_code == 200
                bearer = {"Authorization": "Bearer " + fresh["access_token"]}
                assert (await plain.post(url, json={}, headers=bearer)).status_code == 401
            print("refresh and revoke: ok")


asyncio.run(main())
