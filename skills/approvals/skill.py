"""Ask the right people before anything changes: named roles, bound to the exact action, once, and not for ever."""

from bot.domain.approval import Approval, ApprovalState, decide, end
from bot.domain.change import Change
from bot.domain.effects import Effect, Later, NotLater, Refresh, Rendered
from bot.domain.events import ApprovalExpires, ApprovalGranted, ApprovalRefused, ApprovalWanted, CommandGiven, Pressed
from bot.domain.outcome import Outcome
from bot.domain.policy import Automation, May
from bot.errors import NotFound, Refused
from bot.skill import Action, Command, Context, On, Skill, Surface, say
from skills.approvals import logic, views


async def ask(event: ApprovalWanted, ctx: Context) -> Outcome:
    """Put the question to the role, in its channel and in the thread."""
    change = await ctx.state.get(Change, event.change)
    expires = ctx.house.approval_expires_after
    approval, entry = logic.wanted(change, ctx.new_id(), event.actor, ctx.now, expires)
    due = ApprovalExpires(
        id=f"expires:{approval.id}",
        at=approval.expires_at,
        incident=change.incident,
        change=change.id,
        approval=approval.id,
    )
    effects = (*_shown(approval.id), Later(f"expires:{approval.id}", approval.expires_at, due), Refresh(_step(change)))
    return Outcome((approval,), (entry,), effects)


async def approve(event: Pressed, ctx: Context) -> Outcome:
    """One person's yes."""
    return await _decide(event, ctx, yes=True)


async def reject(event: Pressed, ctx: Context) -> Outcome:
    """One person's no: it ends the approval."""
    return await _decide(event, ctx, yes=False)


async def _decide(event: Pressed, ctx: Context, *, yes: bool) -> Outcome:
    approval = await ctx.state.get(Approval, event.value)
    change = await ctx.state.get(Change, approval.change)
    try:
        if yes:
            await _not_stopped(ctx)
        decided, entry = decide(approval, ctx.actor, yes, change.digest, ctx.now)
    except Refused as refusal:
        raise Refused(str(refusal), approval.incident) from refusal
    outcome = Outcome((decided,), (entry,), (*_shown(approval.id), Refresh(_step(change))))
    if decided.state is ApprovalState.APPROVED:
        granted = ApprovalGranted(
            id=f"granted:{approval.id}",
            at=ctx.now,
            actor=ctx.actor.id,
            incident=approval.incident,
            change=change.id,
            approval=approval.id,
        )
        outcome += Outcome(effects=(NotLater(f"expires:{approval.id}"),), emit=(granted,))
    elif decided.state is ApprovalState.REJECTED:
        reason = f"rejected by <@{ctx.actor.id}>"
        refused = _refused(approval, ctx.actor.id, reason, ctx)
        outcome += Outcome(effects=(NotLater(f"expires:{approval.id}"),), emit=(refused,))
    return outcome


async def withdraw(event: Pressed, ctx: Context) -> Outcome:
    """The requester takes the question back."""
    approval = await ctx.state.get(Approval, event.value)
    if ctx.actor.id != approval.asked_by:
        raise Refused(
            f"Only <@{approval.asked_by}>, who asked, can withdraw this. You can reject it if you have the role."
        )
    return _ended(approval, ApprovalState.WITHDRAWN, ctx.actor.id, f"withdrawn by <@{ctx.actor.id}>", ctx)


async def expire(event: ApprovalExpires, ctx: Context) -> Outcome:
    """Nobody decided in time."""
    approval = await ctx.state.get(Approval, event.approval)
    if approval.state is not ApprovalState.WAITING:
        return Outcome()
    return _ended(approval, ApprovalState.EXPIRED, "fettle", "nobody decided in time", ctx)


def _refused(approval: Approval, by: str, reason: str, ctx: Context) -> ApprovalRefused:
    return ApprovalRefused(
        id=f"refused:{approval.id}",
        at=ctx.now,
        actor=by,
        incident=approval.incident,
        change=approval.change,
        reason=reason,
    )


def _ended(approval: Approval, state: ApprovalState, by: str, reason: str, ctx: Context) -> Outcome:
    ended, entry = end(approval, state, by, reason)
    told = _refused(approval, by, reason, ctx)
    effects = (*_shown(approval.id), NotLater(f"expires:{approval.id}"))
    return Outcome((ended,), (entry,), effects, (told,))


async def waiting(_event: CommandGiven, ctx: Context) -> Outcome:
    """What waits for a decision, and whose."""
    found = await ctx.state.find(Approval, state=ApprovalState.WAITING, limit=20)
    changes = {one.id: await ctx.state.get(Change, one.change) for one in found}
    links = {one.id: await ctx.state.permalink(f"approval:{one.id}:channel") for one in found}
    return say(*views.waiting(found, changes, links, ctx.actor))


async def render(rest: str, ctx: Context) -> Rendered | None:
    """The approval, in its channel or in the thread."""
    approval_id, _, where = rest.partition(":")
    approval = await ctx.state.get(Approval, approval_id)
    change = await ctx.state.get(Change, approval.change)
    people = await ctx.people.with_role(approval.role)
    evidence = await ctx.state.permalink(f"incident:{approval.incident}")
    simulated = await ctx.state.permalink(_step(change))
    text, blocks = views.approval(approval, change, people, evidence, simulated, call=where == "channel")
    if where == "thread":
        incident = f"incident:{approval.incident}"
        return Rendered(ctx.house.alerts_channel, text, blocks, under=incident)
    return Rendered(ctx.house.approvals_channel, text, blocks)


async def _not_stopped(ctx: Context) -> None:
    try:
        (await ctx.state.get(Automation, "automation")).check()
    except NotFound:
        return


def _shown(approval: str) -> tuple[Effect, ...]:
    return (Refresh(f"approval:{approval}:channel"), Refresh(f"approval:{approval}:thread"))


def _step(change: Change) -> str:
    return f"step:{change.guide_run}:{change.step}"


SKILL = Skill(
    name="approvals",
    summary="Ask the right people before anything changes",
    commands=(Command("approvals", waiting, "approvals", "what waits for a decision"),),
    actions=(
        Action("approval:approve", approve, May.LOOK),
        Action("approval:reject", reject, May.LOOK),
        Action("approval:withdraw", withdraw, May.LOOK),
    ),
    events=(On(ApprovalWanted, ask), On(ApprovalExpires, expire)),
    surfaces=(Surface("approval", render),),
)
