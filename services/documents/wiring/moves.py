"""The use cases by which an operator moves a tenant to another embedding model."""

from functools import cached_property

from services.documents.domain.moves import TwoModels
from services.documents.use_cases.compare_spaces import CompareSpaces
from services.documents.use_cases.drop_space import DropSpace
from services.documents.use_cases.fill_space import FillSpace, TellFilling
from services.documents.use_cases.flip_space import FlipSpace
from services.documents.use_cases.moving_agents import FindMovingAgents
from services.documents.wiring.upkeep import UpkeepUseCases


class MoveUseCases:
    """What there is to do with two models.

    Args:
        use: Of the tenant.
        models: The platform's.
    """

    def __init__(self, use: UpkeepUseCases, models: TwoModels) -> None:
        self._use = use
        self._wiring = use.wiring
        self._models = models

    @cached_property
    def _moving_agents(self) -> FindMovingAgents:
        return FindMovingAgents(
            tenant_id=self._use.tenant_id,
            unit_of_work=self._use.unit_of_work,
            agents=self._wiring.agents,
            models=self._models,
        )

    @cached_property
    def tell(self) -> TellFilling:
        """Tell how far the tenant is."""
        return TellFilling(
            unit_of_work=self._use.unit_of_work,
            models=self._models,
            moving_agents=self._moving_agents,
        )

    @cached_property
    def fill(self) -> FillSpace:
        """Fill the second space."""
        return FillSpace(
            unit_of_work=self._use.unit_of_work,
            models=self._models,
            moving_agents=self._moving_agents,
        )

    @cached_property
    def compare(self) -> CompareSpaces:
        """Ask both spaces the same."""
        return CompareSpaces(
            tenant_id=self._use.tenant_id,
            unit_of_work=self._use.unit_of_work,
            models=self._models,
            embedder_for=self._wiring.embedder_for,
            passages=self._wiring.passages,
        )

    @cached_property
    def flip(self) -> FlipSpace:
        """Search the other space."""
        return FlipSpace(
            unit_of_work=self._use.unit_of_work,
            models=self._models,
            moving_agents=self._moving_agents,
        )

    @cached_property
    def drop(self) -> DropSpace:
        """Give the other space up."""
        return DropSpace(
            tenant_id=self._use.tenant_id,
            unit_of_work=self._use.unit_of_work,
            models=self._models,
            moving_agents=self._moving_agents,
            inventory=self._wiring.inventory,
        )
