"""What a site's row says of its PUE and its tariff, or why it cannot be read."""

from typing import Any
from uuid import UUID

import pytest

from graph.catalogue import DEFAULT_PUE, asset_from
from tools.tariff import FixedTariff, TariffError


def row(**metadata: Any) -> Any:
    return {"asset_id": str(UUID(int=1)), "asset_name": "Site", "region_number": 13, "metadata": metadata}


def test_a_site_has_its_own_pue_and_tariff() -> None:
    asset = asset_from(row(pue=1.2, tariff={"kind": "fixed", "p_per_kwh": 18.5}))
    assert asset is not None
    assert asset.pue == 1.2
    assert asset.tariff == FixedTariff(kind="fixed", p_per_kwh=18.5)


def test_a_site_that_says_nothing_has_the_usual_pue_and_the_proxy_price() -> None:
    asset = asset_from(row())
    assert asset is not None
    assert (asset.pue, asset.tariff) == (DEFAULT_PUE, None)


@pytest.mark.parametrize("pue", [0.9, 0, -1, 11, "low", float("nan")])
def test_an_impossible_pue_is_no_site(pue: object) -> None:
    with pytest.raises(ValueError, match=r"pue|could not convert"):
        asset_from(row(pue=pue))


def test_a_tariff_that_cannot_be_read_is_no_site() -> None:
    with pytest.raises(TariffError, match="p_per_kwh"):
        asset_from(row(tariff={"kind": "fixed"}))
