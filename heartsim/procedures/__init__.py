"""Disease and surgery as composable edits of a patient."""

from heartsim.procedures.catalogue import (
    CATALOGUE,
    annuloplasty,
    aortic_stenosis,
    find,
    infarct,
    ischemia,
    medication,
    mitral_regurgitation,
    mitral_repair,
    pacing_rate,
    plan,
    revascularise,
    tavr,
)
from heartsim.procedures.edit import AnatomyEdit, HeartEdit, Procedure, Receipt
from heartsim.procedures.operation import describe, explain
from heartsim.procedures.perform import on_anatomy, on_heart

__all__ = [
    "CATALOGUE",
    "AnatomyEdit",
    "HeartEdit",
    "Procedure",
    "Receipt",
    "annuloplasty",
    "aortic_stenosis",
    "describe",
    "explain",
    "find",
    "infarct",
    "ischemia",
    "medication",
    "mitral_regurgitation",
    "mitral_repair",
    "on_anatomy",
    "on_heart",
    "pacing_rate",
    "plan",
    "revascularise",
    "tavr",
]
