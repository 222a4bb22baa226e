"""Sections of a scenario file: every key with its type, limits, default and meaning."""

from typing import Annotated, Final, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from heartsim.errors import UnitError, closest
from heartsim.scenario.quantities import Quantity, usual
from heartsim.units import mm, parse

Law = Literal["holzapfel-ogden", "guccione", "usyk"]
ParameterSet = Literal[
    "holzapfel-ogden-2009-wall",
    "holzapfel-ogden-2009-fibers",
    "holzapfel-ogden-2009-shear",
    "holzapfel-ogden-2009-shear-partial",
    "holzapfel-ogden-2009-biaxial",
    "holzapfel-ogden-arostica-2025",
    "guccione-land-2015",
    "guccione-land-2015-isotropic",
    "guccione-1995",
    "usyk-2002",
]
USUAL_SET: Final[dict[str, ParameterSet]] = {
    "holzapfel-ogden": "holzapfel-ogden-2009-wall",
    "guccione": "guccione-1995",
    "usyk": "usyk-2002",
}
"""Set that a law takes when the file names none."""
_STRESSES: Final = ("a", "a_f", "a_s", "a_fs", "C")
_EXPONENTS: Final = {
    "holzapfel-ogden": ("b", "b_f", "b_s", "b_fs"),
    "guccione": ("bf", "bt", "bfs"),
    "usyk": ("bff", "bss", "bnn", "bfs", "bfn", "bsn"),
}
LoadingRule = Literal["same-stressed-volume", "match-LVEDP", "match-MAP", "reflex"]
Entry = dict[str, str | float]
"""One ``[[condition]]`` or ``[[procedure]]``: its name and doses, as written."""


class Section(BaseModel):
    """A table of the file: frozen, unknown keys refused, defaults checked like input."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, strict=True)


_Angle = Annotated[float, Quantity("angle", "-90 deg", "90 deg")]


class Fibers(Section):
    """Fiber directions: by rule, or as measured."""

    rule: Literal["ldrb", "outflow", "measured"] = Field(
        default="ldrb",
        description="ldrb: one rule for both walls. outflow: right wall and outflow tracts have "
        "angles of their own. measured: the directions that the mesh carries.",
    )
    endocardium: _Angle = usual("60 deg", "Helix angle at the endocardium.")
    epicardium: _Angle = usual("-60 deg", "Helix angle at the epicardium.")
    right_endocardium: _Angle | None = Field(
        default=None, description="In the right wall; omit for that of the rule."
    )
    right_epicardium: _Angle | None = Field(
        default=None, description="In the right wall; omit for that of the rule."
    )


class ImagedPressure(Section):
    """Cavity pressures at the moment of imaging."""

    LV: Annotated[float, Quantity("pressure", "0 mmHg", "40 mmHg")] = usual("8 mmHg")
    RV: Annotated[float, Quantity("pressure", "0 mmHg", "30 mmHg")] = usual("4 mmHg")
    LA: Annotated[float, Quantity("pressure", "0 mmHg", "40 mmHg")] = usual(
        "5 mmHg", "Of 3D atria, which have relaxed by the end of diastole."
    )
    RA: Annotated[float, Quantity("pressure", "0 mmHg", "30 mmHg")] = usual(
        "3 mmHg", "Of 3D atria, which have relaxed by the end of diastole."
    )


class Shape(Section):
    """What you know better than a mesh without names tells by its shape."""

    unit: Literal["mm", "cm", "m", "um"] | None = Field(
        default=None, description="Unit of the coordinates; omit to infer it from the size."
    )
    LV: Annotated[int, Field(ge=1, le=20)] | None = Field(
        default=None, description="Cavity that is the LV, numbered from the largest."
    )
    RV: Annotated[int, Field(ge=1, le=20)] | None = Field(
        default=None, description="Cavity that is the RV."
    )
    LV_rims: tuple[str, ...] | None = Field(
        default=None, strict=False, description="Openings of the LV, the largest first."
    )
    RV_rims: tuple[str, ...] | None = Field(
        default=None, strict=False, description="Openings of the RV, the largest first."
    )


class FinerMesh(Section):
    """A mesh that is finer near what is done to the wall."""

    edge: Annotated[float, Quantity("length", "1 mm", "15 mm")] = Field(
        description="Edge length there."
    )
    segments: tuple[int, ...] | None = Field(
        default=None,
        strict=False,
        description="AHA segments; omit for wherever conditions and procedures of this scenario "
        "mark, cut or hold the wall. Name them where scenarios are compared, so that all have "
        "the same mesh.",
    )
    reach: Annotated[float, Quantity("length", "0 mm", "50 mm")] = usual(
        "5 mm", "How far it holds beyond."
    )

    @field_validator("segments")
    @classmethod
    def _segments_exist(cls, segments: tuple[int, ...] | None) -> tuple[int, ...] | None:
        """Refuse an empty list, and numbers that are no segment."""
        if segments is not None and (not segments or not all(1 <= s <= 17 for s in segments)):
            raise ValueError(
                f"{list(segments)} are not AHA segments. Name at least one of 1 to 17, or leave "
                "segments out."
            )
        return segments


class Patient(Section):
    """Whose heart: geometry, how it was imaged, fibers and elements."""

    model: Literal["3D", "0D"] = Field(
        default="3D",
        description="3D: a wall of finite elements. 0D: four elastance chambers, in a second.",
    )
    mesh: Annotated[str, Field(max_length=500)] = Field(
        default="",
        description="A name from `heartsim data list`, or a path relative to this file; "
        "not needed by a 0D model.",
    )
    chambers: Literal["ventricles", "all"] = Field(
        default="ventricles",
        description="3D: the ventricles, or all four chambers and the great vessels of a heart "
        "that has them, such as rodero-01.",
    )
    fitted_to: Annotated[str, Field(max_length=500)] = Field(
        default="",
        description="0D: folder of a 3D result of this patient, whose ventricles are emulated; "
        "omit for elastances.",
    )
    resolution: Annotated[float, Quantity("length", "1 mm", "15 mm")] | None = Field(
        default=None, description="Coarsen the mesh to this edge length; omit to keep it."
    )
    finer: FinerMesh | None = Field(
        default=None, description="Where the mesh is finer than elsewhere."
    )
    shape: Shape = Shape()
    imaged_at: Literal["end-diastole", "unloaded"] = Field(
        default="end-diastole",
        description="At end-diastole the mesh is loaded: the unloaded shape is found first.",
    )
    imaged_pressure: ImagedPressure = ImagedPressure()
    body_surface: Annotated[float, Quantity("area", "0.1 m2", "3.5 m2")] | None = Field(
        default=None, description="Body surface area; with it volumes are also given per m2."
    )
    fibers: Fibers = Fibers()
    element: Literal["P2P1", "P1P1"] = Field(
        default="P2P1", description="P2P1 for coarse meshes (3 mm and up), P1P1 for fine ones."
    )

    @model_validator(mode="after")
    def _finer_is_finer(self) -> Self:
        """Refuse a finer part that is not finer, or of a heart without a mesh."""
        if self.finer and self.model == "0D":
            raise ValueError('finer: a 0D heart has no mesh. Leave it out, or write model = "3D".')
        if self.finer and self.resolution and self.finer.edge >= self.resolution:
            raise ValueError(
                f"finer.edge = {self.finer.edge / mm:g} mm is not finer than resolution = "
                f"{self.resolution / mm:g} mm. Give a shorter edge, or leave out finer."
            )
        return self

    @field_validator("mesh")
    @classmethod
    def _wall_has_a_mesh(cls, mesh: str, info: ValidationInfo) -> str:
        """Refuse a 3D model without geometry."""
        if not mesh and info.data.get("model") == "3D":
            raise ValueError(
                "missing. A name from `heartsim data list`, or a path relative to this file; "
                'or write model = "0D" for a heart without a mesh.'
            )
        return mesh


class Tissue(Section):
    """Heart muscle, healthy and everywhere; disease comes as [[condition]]."""

    law: Law = Field(default="holzapfel-ogden", description="Passive constitutive law.")
    parameters: ParameterSet | None = Field(
        default=None, description="Published parameter set; omit for the usual one of the law."
    )
    overrides: dict[str, float | str] = Field(
        default={},
        description='Single parameters, such as a = "0.12 kPa"; bare numbers have no unit.',
    )
    stiffness: Annotated[float, Quantity("number", "0.05", "50")] = Field(
        default=1.0, description="Multiplier of the passive law."
    )
    contractility: Annotated[float, Quantity("pressure", "0 kPa", "500 kPa")] = usual(
        "220 kPa",
        "Peak isometric tension along the fiber at the unloaded length, per unloaded section.",
    )
    length_dependence: Annotated[float, Quantity("number", "0", "20")] = Field(
        default=5.0,
        description="Growth of the tension with fiber stretch over the tension at the unloaded "
        "length; held from a stretch of 1.2 on.",
    )
    right_wall: Annotated[float, Quantity("number", "0.05", "2")] = Field(
        default=0.4,
        description="Contractility of the right free wall over that of left wall and septum.",
    )
    atrial_wall: Annotated[float, Quantity("number", "0", "2")] = Field(
        default=0.1,
        description="Contractility of 3D atria over that of left wall and septum.",
    )
    atrial_matrix: Annotated[float, Quantity("pressure", "0 kPa", "500 kPa")] = usual(
        "8 kPa",
        "Shear modulus woven into 3D atria, whose thin walls hold pressure in all directions.",
    )
    cross_fiber: Annotated[float, Quantity("number", "0", "1")] = Field(
        default=0.1,
        description="Active tension across the fibers in the wall's plane, over that along them.",
    )
    bulk_modulus: Annotated[float, Quantity("pressure", "10 kPa", "100000 kPa")] | None = Field(
        default=None, description="Omit for an incompressible wall."
    )

    @property
    def parameter_set(self) -> ParameterSet:
        """The published set to use: the one named, or the usual one of the law."""
        return self.parameters or USUAL_SET[self.law]

    @model_validator(mode="after")
    def _set_fits_law(self) -> Self:
        """Refuse a parameter set of another law."""
        if not self.parameter_set.startswith(self.law):
            raise ValueError(
                f"parameters = {self.parameters!r} do not belong to law = {self.law!r}. "
                f"Omit them or choose a set whose name starts with {self.law!r}."
            )
        return self

    @model_validator(mode="after")
    def _overrides_fit_law(self) -> Self:
        """Refuse parameters that the law does not have, and stresses without unit."""
        stresses = ("C",) if self.law != "holzapfel-ogden" else _STRESSES[:-1]
        known = (*stresses, *_EXPONENTS[self.law])
        for name, value in self.overrides.items():
            if name not in known:
                raise ValueError(
                    f"overrides: {name!r} is not a parameter of {self.law}. "
                    f"Known: {', '.join(known)}.{closest(name, known)}"
                )
            try:
                parse(value, "pressure" if name in stresses else "number")
            except UnitError as error:
                raise ValueError(f"overrides: {name} = {error}") from None
        return self


_Speed = Annotated[float, Quantity("speed", "0.05 m/s", "5 m/s")]


class Activation(Section):
    """When the muscle is switched on."""

    pattern: Literal["uniform", "endocardial"] = Field(
        default="endocardial", description="All at once, or spreading from the endocardium."
    )
    fiber_speed: _Speed = usual("0.6 m/s", "Conduction speed along the fibers.")
    cross_speed: _Speed = usual("0.3 m/s", "Conduction speed across the fibers.")
    layer_speed: _Speed = usual("0.7 m/s", "Along the endocardium, from a lead or past a block.")
    av_delay: Annotated[float, Quantity("time", "60 ms", "300 ms")] = usual(
        "150 ms", "From the atrial to the ventricular trigger."
    )


class Support(Section):
    """What holds the heart: springs and dashpots per area on pericardium and base."""

    pericardium_stiffness: Annotated[float, Quantity("stiffness per area", "0 kPa/mm")] = usual(
        "0.2 kPa/mm", "Normal spring on the epicardium."
    )
    pericardium_damping: Annotated[float, Quantity("damping per area", "0 kPa ms/mm")] = usual(
        "5 kPa ms/mm", "Normal dashpot on the epicardium."
    )
    atrial_pericardium: Annotated[float, Quantity("number", "0", "1")] = Field(
        default=0.1,
        description="Share of the pericardium that 3D atria and great vessels feel.",
    )
    base_stiffness: Annotated[float, Quantity("stiffness per area", "0 kPa/mm")] = usual(
        "0.1 kPa/mm", "Spring on the base, all directions."
    )
    base_damping: Annotated[float, Quantity("damping per area", "0 kPa ms/mm")] = usual(
        "5 kPa ms/mm", "Dashpot on the base, all directions."
    )


class Protocol(Section):
    """How long and how finely to run, and how scenarios are made comparable."""

    step: Annotated[float, Quantity("time", "0.1 ms", "20 ms")] = usual("2 ms", "Time step.")
    periodic_within: Annotated[float, Quantity("volume", "0.01 mL", "20 mL")] = usual(
        "0.2 mL", "Largest change of the blood in a chamber or vessel from beat to beat."
    )
    at_most_beats: Annotated[int, Field(ge=1, le=200)] = Field(
        default=12, description="Stop here even if not periodic; the result then says so."
    )
    loading: LoadingRule = Field(
        default="same-stressed-volume", description="What is kept the same between scenarios."
    )
    target: Annotated[float, Quantity("pressure", "1 mmHg", "200 mmHg")] | None = Field(
        default=None,
        description="Pressure to match, or set point of the reflex; omit to take the baseline's.",
    )
    snapshots: Annotated[int, Field(ge=2, le=1000)] = Field(
        default=40, description="Shapes stored over the last beat."
    )
