"""A service that predicts with the current model and tells Trimtab of it: pip install fastapi uvicorn, then

TRIMTAB_CONFIG=trimtab.yaml uvicorn fastapi_service:app
"""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

from trimtab import ModelFollower, Producer
from trimtab.events import EventError

MODEL = "credit"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Load the model before the first request, and send what is left after the last."""
    producer = await asyncio.to_thread(Producer)
    # Without Kafka for a minute, answers say that they may be stale.
    async with ModelFollower(MODEL, max_behind_s=60.0) as model:
        app.state.model, app.state.producer = model, producer
        yield
    await asyncio.to_thread(producer.close)


app = FastAPI(lifespan=lifespan)


class Application(BaseModel):
    """What is to be predicted."""

    customer: str
    features: dict[str, float | str | None]


class Outcome(BaseModel):
    """What came of it."""

    id: str
    label: str | float


@app.post("/predict")
async def predict(asked: Application, request: Request) -> dict[str, object]:
    """Answer, and send the prediction; neither waits for Kafka."""
    event_id, now_ms = uuid.uuid4().hex, time.time_ns() // 1_000_000
    try:
        answer = request.app.state.model.predict(asked.features, key=asked.customer)
    except EventError as error:
        raise HTTPException(422, str(error)) from error
    if answer.name is None:
        raise HTTPException(503, "there is no model yet")
    request.app.state.producer.prediction(
        model=MODEL,
        id=event_id,
        time=now_ms,
        features=asked.features,
        prediction=answer.value,
        score=answer.score,
        served=answer.name,
    )
    return {
        "id": event_id,
        "prediction": answer.value,
        "score": answer.score,
        "model": answer.name,
        "stale": answer.stale,
    }


@app.post("/outcome", status_code=202)
async def outcome(told: Outcome, request: Request) -> None:
    """The true outcome of an earlier prediction."""
    request.app.state.producer.label(id=told.id, time=time.time_ns() // 1_000_000, label=told.label, model=MODEL)


@app.get("/health")
async def health(request: Request) -> dict[str, object]:
    """Which version is served, and for how long it has not been known to be the right one."""
    model = request.app.state.model
    return {"model": model.served and model.served.name, "behind_s": round(model.behind_s, 1)}
