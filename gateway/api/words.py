"""A journey in words: keys become texts of the catalogues, for the API and the pages alike."""

from domain.driver.state import DriverState
from domain.journey import Journey
from domain.program import Program
from gateway.api.views import Choice, PromptsView, PromptView, brand_of


def prompts_of(state: DriverState, journey: Journey, language: str, program: Program | None = None) -> PromptsView:
    """What the app asks and offers now, in the program's words where it has its own."""
    speaker, brand = program or state.program, brand_of(state)
    prompt = journey.prompt
    return PromptsView(
        stage=journey.stage,
        stage_words=speaker.say(f"stage.{journey.stage.value}", language, brand=brand),
        prompt=PromptView(
            key=prompt.key,
            is_blocking=prompt.is_blocking,
            title=speaker.say(prompt.key, language, brand=brand),
            why=speaker.say(prompt.why, language, brand=brand),
            benefits=tuple(speaker.say(key, language, brand=brand) for key in prompt.benefits),
            actions=tuple(
                Choice(key=key, label=speaker.say(f"action.{key}", language, brand=brand)) for key in prompt.actions
            ),
            vehicle_id=prompt.vehicle_id,
        )
        if prompt is not None
        else None,
        settings=tuple(
            Choice(key=key, label=speaker.say(f"setting.{key}", language, brand=brand)) for key in journey.settings
        ),
    )
