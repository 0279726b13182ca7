"""The shop's HTTP interface."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Depends, FastAPI, Header, HTTPException
from fastapi.responses import JSONResponse

from .database import Database
from .fault import Fault

RELEASE = json.loads(Path("release.json").read_text(encoding="utf-8"))

database = Database(os.environ["DATABASE_URL"])
fault = Fault.read(Path("app/fault.json"))
fault.crash_at_start()


UserHash = Annotated[str, Header(alias="X-User-Hash")]


async def strike(x_user_hash: UserHash = "") -> None:
    """Let the release's fault, if any, meet the user of this request."""
    await fault.strike(x_user_hash)


app = FastAPI(openapi_url=None)
api = APIRouter(prefix="/api", dependencies=[Depends(strike)])


@app.get("/health")
async def health() -> JSONResponse:
    """Answer 200 while this instance can serve, which needs the database."""
    cause = ""
    if fault.kind == "unhealthy":
        cause = "the release is faulty"
    else:
        try:
            await database.rows("SELECT 1")
        except psycopg.Error as error:
            cause = f"the database does not answer: {error}"
    if cause:
        return JSONResponse({"status": "unhealthy", "cause": cause, **RELEASE}, 503)
    return JSONResponse({"status": "healthy", **RELEASE})


@api.get("/orders")
async def orders(x_user_hash: UserHash = "") -> dict[str, Any]:
    """List the user's last ten orders."""
    found = await database.rows(
        "SELECT id, item FROM orders WHERE user_hash = %s ORDER BY id DESC LIMIT 10", x_user_hash
    )
    return {"orders": [{"id": number, "item": item} for number, item in found]}


@api.post("/orders", status_code=201)
async def place_order(order: dict[str, str], x_user_hash: UserHash = "") -> dict[str, int]:
    """Place an order."""
    ((number,),) = await database.rows(
        "INSERT INTO orders (user_hash, item) VALUES (%s, %s) RETURNING id",
        x_user_hash,
        order.get("item", "tea"),
    )
    return {"id": number}


@api.get("/users")
async def users() -> dict[str, int]:
    """Count the shop's users whom a letter would reach."""
    ((number,),) = await database.rows("SELECT count(email) FROM users")
    return {"users": number}


@api.post("/users", status_code=201)
async def register(user: dict[str, str]) -> dict[str, int]:
    """Register a user by a name that nobody else has."""
    try:
        ((number,),) = await database.rows(
            "INSERT INTO users (name) VALUES (%s) RETURNING id", user.get("name", "")
        )
    except psycopg.errors.UniqueViolation:
        raise HTTPException(409, "the name is taken") from None
    return {"id": number}


@api.post("/auth/login")
async def login(credentials: dict[str, str]) -> dict[str, str]:
    """Refuse everybody: nobody of this shop has a password."""
    raise HTTPException(401, f"wrong password for {credentials.get('username', '')!r}")


app.include_router(api)
