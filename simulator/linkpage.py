"""The page a driver sees at `linkUrl`: brand, sign-in, consent; then back to the app. Plain forms, no script."""

from html import escape
from urllib.parse import parse_qs, quote, urlencode, urlsplit, urlunsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from simulator.http import Sim
from simulator.linking import LinkFailed
from simulator.problems import Refused
from simulator.registry import LinkSession

router = APIRouter()

_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; --line: #8886; --go: #2a5bd7; }
body { max-width: 26rem; margin: 8vh auto; padding: 0 1.25rem; line-height: 1.5; }
h1 { font-size: 1.6rem; line-height: 1.2; }
label { display: block; margin: 1rem 0 .3rem; font-weight: 600; }
input, select, button { font: inherit; padding: .75rem; width: 100%; box-sizing: border-box; border-radius: .6rem; }
input, select { border: 1px solid var(--line); }
button { margin-top: 1.2rem; border: 0; background: var(--go); color: #fff; font-weight: 600; }
form + form button { margin-top: .6rem; background: none; color: inherit; border: 1px solid var(--line); }
"""


def _page(title: str, content: str, status: int = 200) -> HTMLResponse:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1>{content}</main></body></html>",
        status_code=status,
    )


def back_uri(redirect_uri: str, **query: str) -> str:
    """The app's address with `query` added to its own parameters."""
    parts = urlsplit(redirect_uri)
    joined = "&".join(part for part in (parts.query, urlencode(query)) if part)
    return urlunsplit(parts._replace(query=joined))


def _leave(session: LinkSession, error: str, message: str) -> RedirectResponse:
    return RedirectResponse(back_uri(session.redirect_uri, error=error, error_message=message), status_code=303)


@router.get("/link/{token}")
async def choose(token: str, sim: Sim, vendor: str | None = None) -> Response:
    """Step one: the brand; skipped if the session names it, or once it is chosen."""
    try:
        session = sim.linking.session(token)
    except Refused as refused:
        return _page("This link can't be used", f"<p>{escape(str(refused.body['detail']))}</p>", 404)
    vendors = sim.linking.vendors(session)
    chosen = vendor if vendor in vendors else vendors[0] if len(vendors) == 1 else None
    return _sign_in(session, chosen) if chosen is not None else _brands(session, vendors)


def _brands(session: LinkSession, vendors: list[str]) -> Response:
    options = "".join(f'<option value="{escape(vendor)}">{escape(vendor.title())}</option>' for vendor in vendors)
    return _page(
        "Connect your device",
        f'<form method="get"><label for="vendor">Brand</label><select id="vendor" name="vendor">{options}</select>'
        f'<button type="submit">Continue</button></form>{_cancel(session)}',
    )


def _sign_in(session: LinkSession, vendor: str) -> Response:
    rights = "".join(f"<li>{escape(scope)}</li>" for scope in session.scopes)
    return _page(
        f"Sign in to {vendor.title()}",
        f'<form method="post"><input type="hidden" name="vendor" value="{escape(vendor)}">'
        '<label for="name">User name</label><input id="name" name="name" autocomplete="username" required>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" autocomplete="current-password" required>'
        f'<p>The app asks to:</p><ul>{rights}</ul><button name="consent" value="yes">Allow and connect</button></form>'
        f"{_cancel(session)}",
    )


def _cancel(session: LinkSession) -> str:
    action = f"/link/{quote(session.token)}"
    return f'<form method="post" action="{action}"><button name="consent" value="no">Cancel</button></form>'


@router.post("/link/{token}")
async def consent(token: str, request: Request, sim: Sim) -> Response:
    """Step two: any name and password will do; the scenario decides who fails."""
    try:
        session = sim.linking.session(token)
    except Refused as refused:
        return _page("This link can't be used", f"<p>{escape(str(refused.body['detail']))}</p>", 404)
    form = parse_qs((await request.body()).decode("utf-8", "replace"))
    if form.get("consent") != ["yes"]:
        return _leave(session, "cancelled", "The user left before linking was done.")
    vendor = form.get("vendor", [""])[0]
    if vendor not in sim.linking.vendors(session):
        return _page("Unknown brand", "<p>This brand can't be connected here.</p>", 400)
    try:
        sim.linking.complete(session, vendor)
    except LinkFailed as failed:
        return _leave(session, "linking_failed", str(failed))
    return RedirectResponse(session.redirect_uri, status_code=303)
