"""Public contracts: what any law, element, valve and procedure must obey.

For those who write their own::

    from heartsim import runtime, testing
    runtime.use_float64()
    testing.check_law(MyLaw(...))
    testing.check_active(MyTension(...))
    testing.check_element(my_functions, my_table, nodes=my_nodes, degree=2, exact=4)
    testing.check_valve(MyValve(...), leak=False)
    testing.check_procedure(my_procedure, heart)
    testing.check_anatomy(my_procedure, mesh)
"""

from heartsim.errors import ContractError
from heartsim.procedures.contract import check_anatomy, check_procedure
from heartsim.testing.active import check_active
from heartsim.testing.element import check_element
from heartsim.testing.law import check_law
from heartsim.testing.valve import check_valve

__all__ = [
    "ContractError",
    "check_active",
    "check_anatomy",
    "check_element",
    "check_law",
    "check_procedure",
    "check_valve",
]
