"""A journey in words: keys become texts of the catalogues, for the API and the pages alike."""

from domain.devices import Side
from domain.driver.state import DriverState
from domain.journey import Journey
from domain.program import Program
from domain.requirement import VehicleAsked, Verdict
from gateway.api.views import Choice, PromptsView, PromptView, RequirementView


def prompts_of(state: DriverState, journey: Journey, language: str, program: Program | None = None) -> PromptsView:
    """What the app asks and offers now, in the program's words where it has its own."""
    speaker, prompt = program or state.program, journey.prompt
    brand = car_name(state, prompt.vehicle_id if prompt is not None else None, speaker, language)

    def say(key: str) -> str:
        return speaker.say(key, language, brand=brand)

    return PromptsView(
        stage=journey.stage,
        stage_words=say(f"stage.{journey.stage.value}"),
        prompt=PromptView(
            key=prompt.key,
            is_blocking=prompt.is_blocking,
            title=say(prompt.key),
            why=say(prompt.why),
            benefits=tuple(map(say, prompt.benefits)),
            actions=tuple(Choice(key=key, label=say(action_label(key, journey))) for key in prompt.actions),
            vehicle_id=prompt.vehicle_id,
        )
        if prompt is not None
        else None,
        settings=tuple(Choice(key=key, label=say(f"setting.{key}")) for key in journey.settings),
    )


def action_label(action: str, journey: Journey) -> str:
    """Key of the words on its button; who has a car already links another."""
    return "setting.link_vehicle" if action == "link_vehicle" and journey.vehicles else f"action.{action}"


def requirement_in_words(asked: VehicleAsked, verdict: Verdict, language: str, program: Program) -> RequirementView:
    """What will be asked with a car of this brand and model, for whoever has not linked it yet."""
    return RequirementView(
        brand=asked.brand,
        model=asked.model,
        **verdict.model_dump(),
        words=program.say(verdict.why, language, brand=asked.brand),
    )


def car_name(state: DriverState, vehicle_id: str | None, speaker: Program, language: str) -> str:
    """The brand of this car as words name it, of the driver's first where none is meant; "car" where it is unknown."""
    car = state.devices.get(vehicle_id or "")
    known = [car] if car is not None else state.of_side(Side.VEHICLE)
    return next((one.brand for one in known if one.brand), speaker.say("page.car", language))
