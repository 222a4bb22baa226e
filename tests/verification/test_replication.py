"""Published effects: what is refused before anything is computed."""

import pytest

from heartsim.errors import InputError
from heartsim.verification.replication import table


def test_operation_without_a_published_effect_is_refused():
    with pytest.raises(InputError, match=r"'batisto' is not an operation.*Did you mean 'batista'"):
        next(table(["batisto"]))
