"""A changed program, as a driver takes it in: what is asked follows, what runs tonight goes on."""

from domain.capabilities import OwnCapability, own_from_brand
from domain.driver.events import ProgramChanged
from domain.driver.state import DriverState
from domain.program import Program
from domain.rollout.standing import Change


def reprogrammed(state: DriverState, event: ProgramChanged) -> DriverState:
    """The state under the newer program. Pages may arrive late or twice: what is older changes nothing."""
    known, new = state.program, event.program
    if known.region and new.region is None:
        new = new.for_driver(known.region, new.target)
    if new.name != known.name or new.version < known.version or new == known:
        return state
    wish = new.wish if state.wish == known.wish else state.wish  # the driver's own word stays
    state = state.model_copy(
        update={"program": new, "wish": wish, "change": Change(version=new.version, reason=event.reason)}
    )
    own = {vehicle_id: _own(state, vehicle_id, evidence, known) for vehicle_id, evidence in state.own.items()}
    return state.model_copy(update={"own": own})


def _own(state: DriverState, vehicle_id: str, evidence: OwnCapability, known: Program) -> OwnCapability:
    """What rested on the brand table follows the table; what the vehicle said itself stays."""
    device = state.devices.get(vehicle_id)
    if device is None or evidence != own_from_brand(device.brand, known.brands):
        return evidence
    return own_from_brand(device.brand, state.program.brands)
