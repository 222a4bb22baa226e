"""Published effects that were read but that this model cannot compute, and what each would need."""

from collections.abc import Sequence
from typing import Final, NamedTuple


class Beyond(NamedTuple):
    """One published effect out of reach.

    Attributes
    ----------
    operation : str
        Catalogue name where there is one, else a name of the same kind.
    effect : str
        What was published.
    source : str
    needed : str
        What this model lacks for it.
    """

    operation: str
    effect: str
    source: str
    needed: str


_GROWTH: Final = "a law of growth and healing"
_LEAFLETS: Final = "leaflets; leak and opening are doses here"
_COHORT: Final = "images and catheter data of those patients"

BEYOND: Final = (
    Beyond(
        "ventricular_restoration",
        "death and readmission as by bypass alone",
        "STICH (doi:10.1056/NEJMoa0900559)",
        "outcomes of patients: no mechanics foretells them",
    ),
    Beyond(
        "ventricular_restoration",
        "diastolic and systolic function better with the shape before restored",
        "Lee 2013 (PMC3727014)",
        "a dose that reshapes the closed wall",
    ),
    Beyond(
        "ventricular_restoration",
        "contractility of the border zone unchanged",
        "Sun 2010 (PMC2907919)",
        "contractility that follows from anything; it is given here",
    ),
    Beyond(
        "revascularise",
        "EF within 3 points of that at follow-up in 4 patients",
        "J Biomech Eng 2002, 124:52",
        _COHORT,
    ),
    Beyond(
        "contractile_patch",
        "softer or thinner scars gain more",
        "J Biomech Eng 2025, 147:081005",
        "beats of several scars, not computed yet",
    ),
    Beyond(
        "contractile_patch",
        "a third of the gain by the patch, the rest by the muscle beside it",
        "J Biomech Eng 2025, 147:081005",
        "work of a part of the wall; energies are recorded of the whole",
    ),
    Beyond(
        "septal_ablation",
        "gradient of 23 ± 19 mmHg after a year",
        "ablation against myectomy, 2005",
        "an outflow tract that septum and mitral leaflet narrow, and a scar that thins",
    ),
    Beyond(
        "septal_myectomy",
        "septum 23 to 13 mm, outflow area 2.2 to 5.5 cm2",
        "Circulation 1984",
        "an area that follows from the depth of the cut; both are doses here",
    ),
    Beyond(
        "hydrogel",
        "peak oxygen uptake +1.24 mL/kg/min, mortality of 8.6 % at 30 days",
        "AUGMENT-HF (PMC4561351)",
        "exercise capacity and outcomes",
    ),
    Beyond(
        "support_wrap",
        "LVEDV -18.8, LVESV -15.6 mL, sphericity index +0.045, kept for three years",
        "Acorn (Ann Thorac Surg 2007, S0003-4975(07)00893-4)",
        _GROWTH,
    ),
    Beyond(
        "epicardial_support",
        "rats with fibrosis: EF +14 points by systolic, +5 by diastolic pressure alone",
        "Front Cardiovasc Med 2022.850274",
        "that heart and how the device's pressure runs in time",
    ),
    Beyond(
        "direct_compression",
        "principal stress rises at the endocardium",
        "Aranda-Michel 2019 (doi:10.1371/journal.pone.0224475)",
        "principal stresses of a wall squeezed in its middle alone",
    ),
    Beyond(
        "direct_compression",
        "effects linear in the pressure",
        "Aranda-Michel 2019 (doi:10.1371/journal.pone.0224475)",
        "states at several pressures, not computed yet",
    ),
    Beyond(
        "effusion",
        "right filling most restricted, septum more stressed than the free wall",
        "mechanics of pericardial effusion, Scardulla",
        "static states of two ventricles with pressures of their own",
    ),
    Beyond(
        "pericardial_stripping",
        "systolic motion varies by more than 100 %",
        "FIMH 2023",
        "a map of the pericardium from apex to base, and which motions were meant",
    ),
    Beyond(
        "pericardial_stripping",
        "largest effect with a hypertensive right ventricle",
        "FIMH 2023",
        "a hypertensive heart with that pericardium, not computed yet",
    ),
    Beyond(
        "transventricular_chord",
        "residual stress needed for fiber stress in the remote zone",
        "Carrick 2012 (PMC3470864)",
        "that patient's wall before and after; a chord leaves no residual stress without blood",
    ),
    Beyond(
        "annuloplasty",
        "LVESV index after a year as by replacement, leak back in 32.6 against 2.3 %",
        "CTSN (PMC4687890)",
        f"{_GROWTH}, and leaflets",
    ),
    Beyond(
        "annuloplasty",
        "rings up to 32 mm close the gap, over-tethered; larger ones fail",
        "pigs, Gaidulis 2023 (PMC10826925)",
        _LEAFLETS,
    ),
    Beyond(
        "annuloplasty",
        "shape of the valve after an undersized ring within 1 mm, 3 patients",
        "Liu 2023 (PMC10405284)",
        _LEAFLETS,
    ),
    Beyond(
        "annuloplasty",
        "subvalvular ring restores coaptation",
        "Baillargeon 2015 (PMC4427655)",
        _LEAFLETS,
    ),
    Beyond(
        "mitral_repair",
        "leak area -52, opening -71, anteroposterior distance up to -28 %",
        "Caballero 2020 (Front Physiol 432)",
        _LEAFLETS,
    ),
    Beyond(
        "mitral_repair",
        "least leak by clip and ring together, leaflet stress above that of a ring",
        "arXiv 2509.22865",
        _LEAFLETS,
    ),
    Beyond(
        "mitral_repair",
        "systemic resistance 1226 to 1004",
        "MitraClip, 107 patients, acutely",
        "a reflex that dilates; under the rule reflex resistance follows from a pressure held",
    ),
    Beyond(
        "mitral_repair",
        "clips in five sheep",
        "Zhang 2019",
        "what was found was not read",
    ),
    Beyond(
        "tavr",
        "a fifth of patients become hypertensive",
        "Ben-Assa 2019 (stm 11:509)",
        "vessels that answer differently from patient to patient",
    ),
    Beyond(
        "tavr",
        "systolic stress of 7.1 ± 1.8 kPa, flow and gradient within 10 % of the clinic",
        "Front Physiol 2022.848011, Karabelas 2018 (Front Physiol 538)",
        _COHORT,
    ),
    Beyond(
        "coarctation_repair",
        "load of the left ventricle before and after a stent",
        "Karabelas 2018 (Front Physiol 538)",
        "an aorta with a narrow part; no size was read",
    ),
    Beyond(
        "aortic_replacement",
        "graft leaflets 21 % wider and 27 % higher than native ones seal",
        "pigs, Hammer (PMC3327786)",
        _LEAFLETS,
    ),
    Beyond(
        "aortic_root_reduction",
        "only resection at the annulus, 12 % of its diameter, restores coaptation",
        "PMC4655125",
        _LEAFLETS,
    ),
    Beyond(
        "resynchronization",
        "after months: Ea/Ees 2.47 to 1.41, EF 24 to 28 %, ESV -40 ± 15 % in responders",
        "Zanon 2009, Macías 2004, PMC8712829",
        _GROWTH,
    ),
    Beyond(
        "resynchronization",
        "stroke work +57 % in responders, +10 % in others; unrelated to dP/dt",
        "de Roest 2013 (PMID 23183349) and its follow-up",
        "a cohort with and without response",
    ),
    Beyond(
        "interatrial_shunt",
        "no benefit in 626 patients; a signal with low resistance of the lungs",
        "PMC11307404",
        "outcomes of patients",
    ),
    Beyond(
        "atrial_septostomy",
        "mortality of 4.8 % by the procedure, 14.6 % at 30 days",
        "meta-analysis PMC7403752",
        "outcomes of patients",
    ),
    Beyond(
        "pulmonary_replacement",
        "right volume falls 25 % more with reduction of the outflow tract",
        "Oosterhof 2007",
        "a cut in the right wall",
    ),
    Beyond(
        "pulmonary_replacement",
        "RVEF +2 to +7 points with contracting bands, 37.4 to 41.6 % in one patient",
        "PMC3649854, Yu 2020 (Front Physiol 198), Yu 2021 (FBioe 638934)",
        "a band of muscle in the right wall; regions are marked in the left",
    ),
    Beyond(
        "pulmonary_replacement",
        "right contractility -35 % with obstruction, -11 % with leak",
        "Gusseva (KCL), 20 patients",
        "contractility that answers to load; it is given here",
    ),
    Beyond(
        "pulmonary_replacement",
        "no valve stent fits all outflow tracts: strain, stress, contact",
        "arXiv 2507.06337",
        "contact of a stent with the outflow tract",
    ),
    Beyond(
        "pulmonary_band",
        "remodeling under high pressure: mPAP +68 %, RV EDV +38 %",
        "PMC9682304",
        _GROWTH,
    ),
    Beyond(
        "glenn",
        "pressures and flows after virtual operations plausible",
        "PMC4242799, J Biomech 2013, 46:423",
        "two patients' vessels; no sizes were read",
    ),
    Beyond(
        "fontan",
        "split of hepatic flow foreseen within 17 ± 13 %, 12 patients",
        "Trusty 2019 (JTCVS)",
        "flow in three dimensions through those patients' vessels",
    ),
    Beyond(
        "lvad",
        "position of the septum and right stress at 8 000 to 12 000 rpm",
        "Sack 2018 (Front Physiol 520)",
        "that patient's heart and pump; no sizes were read",
    ),
    Beyond(
        "lvad",
        "collapse at high speed",
        "Front Physiol 2018.01259",
        "walls that collapse; a pump without suction stops at an empty ventricle here",
    ),
    Beyond(
        "healthy",
        "peak tension 143 ± 11 kPa",
        "Genet 2014 (PMC4101610)",
        "tension follows from the pressures there, it is given here (80 kPa)",
    ),
)
"""Published effects out of reach, in the order of the catalogue."""


def beyond(operations: Sequence[str] = ()) -> tuple[Beyond, ...]:
    """Published effects out of reach: of some operations, or all."""
    return tuple(one for one in BEYOND if not operations or one.operation in operations)
