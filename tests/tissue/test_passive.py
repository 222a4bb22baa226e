"""Passive laws: the contract for all, point values of independent codes, closed forms."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from heartsim.testing import ContractError, check_law
from heartsim.tissue.law import EXPONENT_LIMIT, Law, bounded_expm1
from heartsim.tissue.parameters import PARAMETER_SETS, passive_law
from heartsim.tissue.passive import Guccione, HolzapfelOgden, MooneyRivlin, NeoHookean, Usyk

HO = {
    "a": 0.059,
    "b": 8.023,
    "a_f": 18.472,
    "b_f": 16.026,
    "a_s": 2.481,
    "b_s": 11.120,
    "a_fs": 0.216,
    "b_fs": 11.436,
}

STRESS_FREE = {
    "neo-hooke": NeoHookean(10.0),
    "mooney-rivlin": MooneyRivlin(4.0, 1.0),
    "guccione": Guccione(2.0, 8.0, 2.0, 4.0),
    "guccione full E": Guccione(2.0, 8.0, 2.0, 4.0, isochoric=False),
    "usyk": Usyk(0.88, 8.0, 6.0, 3.0, 12.0, 3.0, 3.0),
    "usyk full E": Usyk(0.88, 8.0, 6.0, 3.0, 12.0, 3.0, 3.0, isochoric=False),
    "holzapfel-ogden": HolzapfelOgden(**HO),
    "holzapfel-ogden logistic": HolzapfelOgden(**HO, logistic=True),
    "holzapfel-ogden, tamed beyond 0.2": HolzapfelOgden(**HO, largest_shear=0.2),
}
PRESSURE_FREE = {
    "neo-hooke full C": NeoHookean(10.0, isochoric=False),
    "mooney-rivlin full C": MooneyRivlin(4.0, 1.0, isochoric=False),
    "holzapfel-ogden full C": HolzapfelOgden(**HO, isochoric=False),
}

F_POINT = np.array([[1.10, 0.05, -0.02], [0.03, 0.95, 0.04], [-0.01, 0.02, 1.02]])
FRAME = np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])

# Energy [kPa] and first Piola stress [kPa] at F_POINT with FRAME, by the complex-step derivative
# of an independent NumPy code that was checked by central differences. The active value is of
# Ta/2 (I4f − 1) and lives in test_active.
POINT_VALUES = {
    "holzapfel-ogden": (
        0.40055644901649345,
        [
            [8.268372745470375, 6.163357997238474, -0.0022003593183606666],
            [5.367239077723368, 3.9856327026429725, 0.004567762996344124],
            [0.03341310109941174, 0.03130123623893738, -0.0009796482019020917],
        ],
    ),
    "holzapfel-ogden full C": (
        0.40894114797085146,
        [
            [8.490053978154688, 6.167986657968205, -0.004218867969875872],
            [5.36763407633702, 4.19782920887424, 0.008437735939751743],
            [0.03356226309364697, 0.030814079496110723, 0.2151622664636695],
        ],
    ),
    "holzapfel-ogden logistic": (
        0.40056474922126634,
        [
            [8.268794481730696, 6.162797115291157, -0.0022003593183606666],
            [5.366735626884351, 3.986304905858514, 0.004567762996344124],
            [0.033398163696338315, 0.03132115907556177, -0.0009796482019020917],
        ],
    ),
    "guccione": (
        0.07570118924669922,
        [
            [0.8576854660772886, 0.5427062284060208, -0.0484910614696574],
            [0.5205807530956573, -0.6149601569356274, 0.1264491024594792],
            [-0.056412268536183564, 0.13610019722979333, -0.40324363683046244],
        ],
    ),
    "guccione full E": (
        0.10877483728753612,
        [
            [1.6863915677632086, 0.7497937092335382, -0.051681325695776846],
            [0.6946179652124861, -0.010897010716226563, 0.13531967104986797],
            [-0.053965742476219165, 0.13527577421054984, 0.09922328446700478],
        ],
    ),
    "usyk": (
        0.06680588840480434,
        [
            [0.8315174938319713, 0.18901432500992355, -0.04541504182269329],
            [0.22238318087976947, -0.807062771153212, 0.07879142543035171],
            [-0.05262909078451875, 0.0739510256781303, -0.1668108740897858],
        ],
    ),
    "usyk full E": (
        0.08194198379582868,
        [
            [1.2809436698172005, 0.2359439155302632, -0.050228564868607814],
            [0.26382869524330627, -0.5582799855591386, 0.08658391180792244],
            [-0.0561696759753285, 0.07725970637938501, 0.07000181498272895],
        ],
    ),
    "neo-hooke": (
        0.16108576833600452,
        [
            [1.3555188735436998, 0.7746484365742353, -0.2879956505468522],
            [0.7765847792998526, -1.5444880359269313, 0.5978550251765463],
            [-0.29561799880443873, 0.6159515117894817, -0.12822197668335616],
        ],
    ),
}


def in_fiber_axes(F):
    return jnp.asarray(FRAME @ F.T @ F @ FRAME.T)


def first_piola(law: Law, F):
    """P = F S in the laboratory frame."""
    S = 2 * np.asarray(jax.grad(law.energy)(in_fiber_axes(F)))
    return F @ FRAME.T @ S @ FRAME


@pytest.mark.parametrize("name", STRESS_FREE)
def test_law_obeys_the_contract(name):
    check_law(STRESS_FREE[name])


@pytest.mark.parametrize("name", PRESSURE_FREE)
def test_full_invariants_leave_only_a_pressure_at_the_reference(name):
    check_law(PRESSURE_FREE[name], stress_free=False)
    with pytest.raises(ContractError, match="stress at C = I"):
        check_law(PRESSURE_FREE[name])


@pytest.mark.parametrize("name", POINT_VALUES)
def test_energy_and_stress_at_a_point(name):
    law = (STRESS_FREE | PRESSURE_FREE)[name]
    energy, stress = POINT_VALUES[name]
    assert_allclose(law.energy(in_fiber_axes(F_POINT)), energy, rtol=1e-12)
    assert_allclose(first_piola(law, F_POINT), stress, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize(
    ("stretch", "cauchy"),
    [(0.9, -1.608517), (1.05, 1.018183), (1.1, 2.420691), (1.2, 8.096521), (1.3, 26.46735)],
)
@pytest.mark.parametrize("isochoric", [True, False])
def test_uniaxial_guccione_along_the_fiber(stretch, cauchy, isochoric):
    """Incompressible, so σ = λ² S_ff − S_ss/λ whatever carries the volume; closed form of Q."""
    law = Guccione(2.0, 8.0, 2.0, 4.0, isochoric=isochoric)
    S = 2 * jax.grad(law.energy)(jnp.diag(jnp.array([stretch**2, 1 / stretch, 1 / stretch])))
    assert_allclose(stretch**2 * S[0, 0] - S[1, 1] / stretch, cauchy, rtol=1e-6)


@pytest.mark.parametrize(
    ("gamma", "expected"),
    [
        (0.1, [0.06761308, 0.04339612, 0.03557735, 0.01136038, 0.00639286, 0.00639286]),
        (0.5, [14.6766349, 12.7926749, 3.34599469, 1.46203469, 0.21923413, 0.21923413]),
    ],
)
def test_simple_shear_of_holzapfel_ogden(gamma, expected):
    """Cauchy shear fs > fn > sf > sn > nf = ns, the signature of Holzapfel, Ogden 2009, fig. 7."""
    law = STRESS_FREE["holzapfel-ogden"]
    found = []
    for i, j in ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)):
        F = np.eye(3)
        F[j, i] = gamma
        S = 2 * np.asarray(jax.grad(law.energy)(jnp.asarray(F.T @ F)))
        found.append((F @ S @ F.T)[i, j])
    assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("law", "modulus"), [(NeoHookean(10.0), 10.0), (MooneyRivlin(4.0, 1.0), 10.0)]
)
def test_small_shear_modulus(law, modulus):
    gamma = 1e-4
    F = jnp.eye(3).at[0, 1].set(gamma)
    assert_allclose(law.energy(F.T @ F), modulus / 2 * gamma**2, rtol=1e-6)


def test_fibers_do_not_resist_shortening():
    law = STRESS_FREE["holzapfel-ogden"]
    without = HolzapfelOgden(**(HO | {"a_f": 0.0}))
    C = jnp.diag(jnp.array([0.8**2, 1.2, 1.1]))
    assert_allclose(law.energy(C), without.energy(C), rtol=1e-15)


def test_zero_exponent_is_the_quadratic_limit():
    law = HolzapfelOgden(**(dict.fromkeys(HO, 0.0) | {"a": 10.0}))
    C = in_fiber_axes(F_POINT)
    assert_allclose(law.energy(C), NeoHookean(10.0).energy(C), rtol=1e-7)


def test_exponential_is_exact_below_its_limit_and_smooth_across():
    x = jnp.array([-3.0, 0.0, 1e-9, 5.0, EXPONENT_LIMIT])
    assert_allclose(bounded_expm1(x), np.expm1(x), rtol=1e-15)
    at, step = EXPONENT_LIMIT, 1e-7
    for function in (bounded_expm1, jax.grad(bounded_expm1), jax.grad(jax.grad(bounded_expm1))):
        assert_allclose(function(at - step), function(at + step), rtol=1e-6)
    assert np.isfinite(bounded_expm1(jnp.asarray(1e5)))


@pytest.mark.parametrize("name", PARAMETER_SETS)
def test_published_sets_build(name):
    published = PARAMETER_SETS[name]
    energy = passive_law(name).energy(in_fiber_axes(F_POINT))
    assert 0 < energy < 10
    assert published.doi.startswith("10.")
    assert {published.unit(parameter) for parameter in published.values} == {"kPa", "-"}


def test_unknown_set_names_the_nearest():
    with pytest.raises(Exception, match="Did you mean 'guccione-1995'"):
        passive_law("guccione-1996")


@pytest.mark.parametrize("plane", [(1, 2), (0, 1)], ids=["matrix", "fiber-sheet"])
def test_beyond_the_largest_shear_the_modulus_grows_in_proportion(plane):
    """Shear modulus follows the exponential of shear² up to the largest shear, then a line."""
    soft, end = {**HO, "a_f": 0.0, "a_s": 0.0}, 0.4
    whole, tamed = HolzapfelOgden(**soft), HolzapfelOgden(**soft, largest_shear=end)

    def modulus(law, shear):
        def energy(x):
            F = jnp.eye(3).at[plane].set(x)
            return law.energy(F.T @ F)

        return float(jax.grad(energy)(shear)) / shear

    for shear in (0.1, 0.3, 0.39):
        assert_allclose(modulus(tamed, shear), modulus(whole, shear), rtol=1e-13)
    step = 1e-4
    there = [modulus(law, end + step) / modulus(law, end - step) - 1 for law in (tamed, whole)]
    assert_allclose(*there, rtol=1e-2)
    beyond = np.sqrt([0.2, 0.6, 1.0, 1.4])
    growth = np.diff([modulus(tamed, shear) for shear in beyond])
    assert_allclose(growth, growth[0], rtol=1e-12)
    assert modulus(whole, 1.2) > 100 * modulus(tamed, 1.2)


def test_default_muscle_without_fiber_sheet_shear_is_elliptic():
    """Energy along F + t a⊗b with a ⟂ F⁻ᵀ b is convex at large thickening, shear and stretch.

    No law in I8fs² can promise that; its term is left out.
    """
    law = replace(passive_law("holzapfel-ogden-2009-wall"), a_fs=0.0)
    rng = np.random.default_rng(7)
    stretch = np.exp(rng.uniform(-0.6, 0.6, (2000, 3)))
    stretch /= np.cbrt(stretch.prod(axis=1, keepdims=True))
    turn = np.linalg.qr(rng.normal(size=(2000, 3, 3)))[0]
    F = jnp.asarray(np.swapaxes(turn, 1, 2) * stretch[:, None, :] @ turn)
    a, b = jnp.asarray(rng.normal(size=(2, 2000, 3)))
    normal = jnp.einsum("nji,nj->ni", jnp.linalg.inv(F), b)
    normal /= jnp.linalg.norm(normal, axis=1, keepdims=True)
    a -= jnp.sum(a * normal, axis=1, keepdims=True) * normal

    def bend(F, a, b):
        def along(t):
            moved = F + t * jnp.outer(a, b)
            return law.energy(moved.T @ moved)

        return jax.grad(jax.grad(along))(0.0)

    assert float(jnp.min(jax.vmap(bend)(F, a, b))) > -1e-9
