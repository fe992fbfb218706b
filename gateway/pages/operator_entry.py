"""How an operator comes in, and leaves: a form that takes a key, and a cookie that never holds it."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from gateway.api.problems import Refused
from gateway.api.services import Api
from gateway.pages.entry import (
    OPERATOR_COOKIE,
    OPERATOR_STAYS,
    OperatorVisitor,
    form_of,
    is_operator,
    keep,
    operator_token,
    own_form,
)
from gateway.pages.render import page
from gateway.pages.routes import PageRoute

router = APIRouter(prefix="/operator", route_class=PageRoute, include_in_schema=False)

HOME = "/operator"


@router.get("/login")
async def ask(request: Request, next: str = HOME) -> Response:
    """The form."""
    return page(request, "operator_login.html.jinja", next=_inside(next), problem="")


@router.post("/login")
async def enter(request: Request, api: Api) -> Response:
    """Take a key; the wrong one is told no more than that it does not open this page."""
    form = await form_of(request)
    api.limits.take(f"login:{request.client.host if request.client else ''}", api.config.actions_per_driver)
    goes_to = _inside(form.get("next", HOME))
    try:
        caller = await api.access.principal(form.get("key", "").strip(), api.real_now())
    except Refused:
        caller = None
    if caller is None or not is_operator(caller):
        words = "This key does not open this page. It needs the scopes read and export."
        return page(request, "operator_login.html.jinja", 401, next=goes_to, problem=words)
    await api.note(caller, "operator page", caller.program)
    response = RedirectResponse(goes_to, 303)
    seconds = round(OPERATOR_STAYS.total_seconds())
    keep(response, OPERATOR_COOKIE, operator_token(api, caller), api, path=HOME, seconds=seconds)
    return response


@router.post("/logout")
async def leave(request: Request, visitor: OperatorVisitor) -> Response:
    """Forget the cookie."""
    await own_form(request, visitor)
    response = RedirectResponse(f"{HOME}/login", 303)
    response.delete_cookie(OPERATOR_COOKIE, path=HOME)
    return response


def _inside(path: str) -> str:
    """Only to pages of ours."""
    is_ours = path == HOME or path.startswith(f"{HOME}/")
    return path if is_ours and "\\" not in path and ".." not in path else HOME
