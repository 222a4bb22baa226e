"""The other side of a pair: the same Newton step and path with FEniCSx and MUMPS.

A script of its own, run by a Python that has ``fenics-dolfinx`` with PETSc and ``meshio`` and need
not have heartsim; it uses public interfaces of DOLFINx 0.11 only. ``python -m benchmarks newton
--peer PYTHON`` calls it in turn with our own benchmark, on one file:

    PYTHON benchmarks/fenicsx.py newton MESH.vtu [--quadrature 2]
    PYTHON benchmarks/fenicsx.py path MESH.vtu [--unaided]

With the wheels of PyPI (``pip install dolfinx-solver-real meshio`` for Python 3.12) MPI is found if
LD_LIBRARY_PATH names the ``lib`` folder of the environment.

Incompressible P2/P1 (displacement and pressure), the law split into its isochoric part as ours,
every Newton step with a fresh sparse LU of the whole system. Load, laws, fibers, tolerance and
first guesses are those of `benchmarks.inflation`; `--unaided` starts each step from the last one.
"""

import argparse
import json
import os
import resource
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import basix.ufl
import dolfinx
import meshio
import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc
from mpi4py import MPI
from petsc4py import PETSc

INNER, OUTER, BASE = (7.0, 17.0), (10.0, 20.0), 5.0
"""Semi-axes (short, long) and height of the base plane [mm]."""

ISOTROPIC, FIBROUS = (10.0, 1.0, 1.0, 1.0), (2.0, 8.0, 2.0, 4.0)
"""C [kPa], bf, bt, bfs of problems 2 and 3 of Land et al. 2015."""

INFLATED, NEXT, WHOLE, STEPS = 2.0, 1.05, (15.0, 50.0), 40
"""As in `benchmarks.inflation`: pressures and tension [kPa], and equal steps of the path."""

GUESS = (np.array([1]), np.array([-1, 2]), np.array([1, -3, 3]))
"""Weights of one, two or three levels, the newest last, of which the next is guessed."""

FORCE = 1e-5
"""Residual over the load of the cavity pressure at which a step counts as solved."""

FASTEST = {"cffi_extra_compile_args": ["-O3", "-march=native"], "cffi_libraries": ["m"]}
"""Compiler options of the element kernels."""


class Ventricle:
    """Discrete ventricle: residual, tangent and the sparse LU of a Newton step."""

    def __init__(self, path: str, quadrature: int, law: tuple[float, ...]) -> None:
        mesh = read(path)
        displacement = basix.ufl.element("Lagrange", "tetrahedron", 2, shape=(3,))
        mixed = basix.ufl.mixed_element([displacement, basix.ufl.element("P", "tetrahedron", 1)])
        self.space = fem.functionspace(mesh, mixed)
        self.state = fem.Function(self.space)
        self.pressure = fem.Constant(mesh, 0.0)
        self.tension = fem.Constant(mesh, 0.0)
        self.mesh, self.elements = mesh, mesh.topology.index_map(3).size_local
        self.dofs = self.space.dofmap.index_map.size_global * self.space.dofmap.index_map_bs
        u, p = ufl.split(self.state)
        v, _ = ufl.TestFunctions(self.space)
        inside = ufl.Measure("dx", mesh, metadata={"quadrature_degree": quadrature})
        facets = np.sort(dolfinx.mesh.locate_entities_boundary(mesh, 2, on_lining))
        tags = dolfinx.mesh.meshtags(mesh, 2, facets, np.ones(len(facets), np.int32))
        lining = ufl.Measure("ds", mesh, subdomain_data=tags, metadata={"quadrature_degree": 4})
        F = ufl.Identity(3) + ufl.grad(u)
        J = ufl.det(F)
        energy = p * (J - 1)
        if law is ISOTROPIC:
            energy += passive(F, J, law)
        else:
            fiber, sheet = fibers(mesh, quadrature)
            energy += passive(F, J, law, fiber, sheet)
            energy += self.tension / 2 * (ufl.inner(F * fiber, F * fiber) - 1)
        normal = ufl.FacetNormal(mesh)
        push = self.pressure * ufl.inner(J * ufl.inv(F).T * normal, v) * lining(1)
        whole = ufl.derivative(energy * inside, self.state, ufl.TestFunction(self.space)) + push
        tangent = ufl.derivative(whole, self.state)
        options = {"jit_options": FASTEST}
        self.whole, self.push = fem.form(whole, **options), fem.form(push, **options)
        self.tangent = fem.form(tangent, **options)
        part, _ = self.space.sub(0).collapse()
        held = fem.locate_dofs_geometrical((self.space.sub(0), part), on_base)
        self.clamp = fem.dirichletbc(fem.Function(part), held, self.space.sub(0))
        self.A, self.b = petsc.create_matrix(self.tangent), petsc.create_vector(self.space)
        self.solver = PETSc.KSP().create(MPI.COMM_SELF)
        self.solver.setType("preonly")
        self.solver.getPC().setType("lu")
        self.solver.getPC().setFactorSolverType("mumps")
        self.spent = {"jacobian": 0.0, "residual": 0.0, "lu": 0.0}

    def residual(self, form: fem.Form) -> float:
        """Assemble a residual with clamped rows empty; its norm."""
        with self.b.localForm() as local:
            local.set(0.0)
        petsc.assemble_vector(self.b, form)
        petsc.set_bc(self.b, [self.clamp], alpha=0.0)
        return self.b.norm()

    def imbalance(self) -> float:
        """Norm of the residual of the present state."""
        found = []
        self.spent["residual"] += seconds(lambda: found.append(self.residual(self.whole)))
        return found[0]

    def correct(self) -> None:
        """Make one Newton step from the residual that was assembled last."""
        self.spent["jacobian"] += seconds(self.assemble)
        self.spent["lu"] += seconds(self.invert)

    def assemble(self) -> None:
        """Tangent of the present state."""
        self.A.zeroEntries()
        petsc.assemble_matrix(self.A, self.tangent, bcs=[self.clamp])
        self.A.assemble()

    def invert(self) -> None:
        """Factorise, solve, correct."""
        change = self.b.duplicate()
        self.solver.setOperators(self.A)
        self.solver.solve(self.b, change)
        self.state.x.petsc_vec.axpy(-1.0, change)

    def solve(self, most: int = 20) -> int:
        """Newton steps until the residual is small beside the load."""
        load = self.residual(self.push)
        for made in range(most + 1):
            if self.imbalance() <= FORCE * load and made:
                return made
            self.correct()
        raise RuntimeError(f"no equilibrium at {float(self.pressure.value)} kPa")

    def answer(self) -> dict[str, float]:
        """Heights of the apex [mm]."""
        found = {}
        u = self.state.sub(0).collapse()
        x = u.function_space.tabulate_dof_coordinates()
        for name, height in (("endo", -INNER[1]), ("epi", -OUTER[1])):
            node = np.linalg.norm(x - (0.0, 0.0, height), axis=1).argmin()
            found[f"apex_{name}_z_mm"] = float(x[node, 2] + u.x.array[3 * node + 2])
        return found


def read(path: str) -> dolfinx.mesh.Mesh:
    """Tetrahedra of a file, in the benchmark's size [mm] as `benchmarks.ventricle.shell` has it."""
    raw = meshio.read(path)
    tets, points = raw.cells_dict["tetra"], np.asarray(raw.points, float)
    points *= (BASE + OUTER[1]) / np.ptp(points[:, 2])
    points[:, 2] += BASE - points[:, 2].max()
    domain = ufl.Mesh(basix.ufl.element("Lagrange", "tetrahedron", 1, shape=(3,)))
    return dolfinx.mesh.create_mesh(MPI.COMM_SELF, tets.astype(np.int64), domain, points)


def off(x: np.ndarray, axes: tuple[float, float]) -> np.ndarray:
    """Relative distance of points (3, n) from an ellipsoid."""
    return np.abs(np.hypot(np.hypot(x[0], x[1]) / axes[0], x[2] / axes[1]) - 1)


def on_base(x: np.ndarray) -> np.ndarray:
    """Whether points (3, n) lie on the base."""
    return np.abs(x[2] - BASE) < 1e-6


def on_lining(x: np.ndarray) -> np.ndarray:
    """Whether points (3, n) lie on the endocardium."""
    return off(x, INNER) < np.minimum(0.05, off(x, OUTER))


def fibers(mesh: dolfinx.mesh.Mesh, quadrature: int) -> list[fem.Function]:
    """Fiber and sheet of problem 3 at quadrature points: helix +90 to -90 degrees."""
    element = basix.ufl.quadrature_element("tetrahedron", value_shape=(3,), degree=quadrature)
    space = fem.functionspace(mesh, element)
    found = []
    for column in range(2):
        field = fem.Function(space)
        field.interpolate(lambda x, column=column: frame(x)[column])
        found.append(field)
    return found


def frame(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fiber and sheet (3, n) at points (3, n); depth by bisection between the two ellipsoids."""
    radius, low, high = np.hypot(x[0], x[1]), np.full(x.shape[1], -0.5), np.full(x.shape[1], 1.5)
    for _ in range(60):
        middle = (low + high) / 2
        short, long = (a + middle * (b - a) for a, b in zip(INNER, OUTER, strict=True))
        outside = (radius / short) ** 2 + (x[2] / long) ** 2 > 1
        low, high = np.where(outside, middle, low), np.where(outside, high, middle)
    short = INNER[0] + low * (OUTER[0] - INNER[0])
    long = INNER[1] + low * (OUTER[1] - INNER[1])
    azimuth = np.arctan2(x[1], x[0])
    around = np.stack([-np.sin(azimuth), np.cos(azimuth), 0 * azimuth])
    steep = radius / short**2
    sheet = np.stack([steep * np.cos(azimuth), steep * np.sin(azimuth), x[2] / long**2])
    sheet /= np.linalg.norm(sheet, axis=0)
    angle = np.pi / 2 * (1 - 2 * low)
    return np.cos(angle) * around + np.sin(angle) * np.cross(sheet.T, around.T).T, sheet


def passive(F, J, law: tuple[float, ...], f=None, s=None):
    """Guccione's energy of the isochoric strain [kPa]; without directions one law in all."""
    C, bf, bt, bfs = law
    E = (J ** (-2 / 3) * F.T * F - ufl.Identity(3)) / 2
    if f is None:
        return C / 2 * (ufl.exp(bf * ufl.inner(E, E)) - 1)
    n = ufl.cross(f, s)
    ff, fs, fn = (ufl.inner(E * f, one) for one in (f, s, n))
    across = sum(ufl.inner(E * a, b) ** 2 for a in (s, n) for b in (s, n))
    return C / 2 * (ufl.exp(bf * ff**2 + bt * across + 2 * bfs * (fs**2 + fn**2)) - 1)


def seconds(call: Callable[[], object]) -> float:
    """Processor seconds of a call."""
    start = time.process_time()
    call()
    return time.process_time() - start


def newton(path: str, quadrature: int) -> dict[str, object]:
    """One Newton step at 2 kPa towards 2.1 kPa, the best of three; and its parts."""
    setup = time.process_time()
    built = Ventricle(path, quadrature, ISOTROPIC)
    setup = time.process_time() - setup
    for share in (0.25, 0.5, 0.75, 1.0):
        built.pressure.value = share * INFLATED
        built.solve()
    reached, best = built.state.x.array.copy(), None
    answer = built.answer()
    built.pressure.value = NEXT * INFLATED
    for _ in range(3):
        built.state.x.array[:] = reached
        built.spent = dict.fromkeys(built.spent, 0.0)
        built.imbalance()
        built.correct()
        if best is None or sum(built.spent.values()) < sum(best.values()):
            best = built.spent
    residual = built.residual(built.whole) / built.residual(built.push)
    parts = {f"{name}_cpu_s": round(spent, 5) for name, spent in best.items()}
    return (
        size(built)
        | {"setup_cpu_s": round(setup, 3), "step_cpu_s": round(sum(best.values()), 5)}
        | parts
        | {"residual_after": residual, "answer": answer}
    )


def contraction(path: str, quadrature: int, levels_known: int) -> dict[str, object]:
    """Contraction to 50 kPa against 15 kPa in 40 steps, each guessed from the last levels."""
    built = Ventricle(path, quadrature, FIBROUS)
    levels, made = [built.state.x.array.copy()], 0
    # a first step, so that nothing is set up in those that are timed
    built.pressure.value, built.tension.value = (1e-3 * one for one in WHOLE)
    built.solve()
    built.spent = dict.fromkeys(built.spent, 0.0)
    start = time.process_time()
    for k in range(1, STEPS + 1):
        built.pressure.value, built.tension.value = (k / STEPS * one for one in WHOLE)
        built.state.x.array[:] = GUESS[len(levels) - 1] @ np.array(levels)
        made += built.solve()
        levels = [*levels, built.state.x.array.copy()][-levels_known:]
    spent = time.process_time() - start
    parts = {f"{name}_cpu_s": round(one, 3) for name, one in built.spent.items()}
    return (
        size(built)
        | {"load_steps": STEPS, "newton": made, "step_cpu_s": round(spent, 3)}
        | parts
        | {"answer": built.answer()}
    )


def size(built: Ventricle) -> dict[str, object]:
    """Size of a problem and the version that solved it."""
    return {
        "code": f"DOLFINx {dolfinx.__version__}, MUMPS",
        "dofs": built.dofs,
        "elements": built.elements,
    }


def main() -> None:
    """Print one row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("problem", choices=("newton", "path"))
    parser.add_argument("mesh")
    parser.add_argument("--quadrature", type=int, default=2, help="exactness of the volume rule")
    parser.add_argument("--unaided", action="store_true", help="guess each step by the last one")
    options = parser.parse_args()
    if options.problem == "newton" and options.unaided:
        parser.error("--unaided: newton is one step and guesses none. Ask for path.")
    if options.problem == "newton":
        row = newton(options.mesh, options.quadrature)
    else:
        known = 1 if options.unaided else len(GUESS)
        row = contraction(options.mesh, options.quadrature, known)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps(row | {"peak_memory_MB": round(memory)}))


if __name__ == "__main__":
    main()
