"""Gold Standard 403 v2.1: Afforestation/Reforestation GHG emissions reduction and sequestration, by stem volume.

`CO2 = V · BEF · WD · (1 + R) · CF · 44/12`. The first three factors are the above-ground biomass, which an equation of
kind `volume` gives with the defaults below where nothing better is known.
"""

from oracles.methodologies.methodology import Methodology
from oracles.methodologies.stocks import CO2_PER_CARBON, StockRules

CARBON_FRACTION = 0.47
ROOT_SHOOT = 0.2
WOOD_DENSITY_T_PER_M3 = 0.3
BIOMASS_EXPANSION = 1.1
PRECISION = 0.20
"""Up to this relative half-width at 90 % nothing is deducted."""
BUFFER = 0.20
HALF_WIDTH_DECIMALS = 12


def remaining(u: float) -> float:
    """What counts of a mean whose relative half-width is u: beyond ±20 % the excess is deducted.

    100 m³ at 23 % count as 97.
    """
    return max(0.0, 1 - max(0.0, round(u, HALF_WIDTH_DECIMALS) - PRECISION))


def tco2e_of_volume(
    volume_m3: float,
    *,
    wood_density: float = WOOD_DENSITY_T_PER_M3,
    expansion: float = BIOMASS_EXPANSION,
    root_shoot: float = ROOT_SHOOT,
) -> float:
    """Carbon dioxide of a stem volume, with the defaults of the methodology."""
    return volume_m3 * expansion * wood_density * (1 + root_shoot) * CARBON_FRACTION * CO2_PER_CARBON


METHODOLOGY = Methodology(
    key="gs-403",
    version="2.1",
    title="Afforestation/Reforestation GHG Emissions Reduction & Sequestration Methodology",
    source="Gold Standard for the Global Goals, 403 version 2.1",
    parameters={
        "biomass_expansion": BIOMASS_EXPANSION,
        "buffer": BUFFER,
        "carbon_fraction": CARBON_FRACTION,
        "co2_per_carbon": "44/12",
        "half_width_decimals": HALF_WIDTH_DECIMALS,
        "precision": PRECISION,
        "root_shoot": ROOT_SHOOT,
        "wood_density": WOOD_DENSITY_T_PER_M3,
    },
    rules=StockRules(
        carbon_fraction=CARBON_FRACTION,
        below_ground_t_per_hectare=lambda above_ground: ROOT_SHOOT * above_ground,
        remaining=remaining,
        roots=f"× (1 + {ROOT_SHOOT})",
        deduction="GS 403: half-width beyond 20 % is deducted",
    ),
)
