using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Simulation;

/// <summary>A bug put in on purpose, to see that the simulator finds it.</summary>
/// <param name="Name">Its name on the command line.</param>
/// <param name="What">What is wrong.</param>
internal sealed record Mutant(string Name, string What)
{
    /// <summary>What agents and coordinators leave out, asked each time; with what it concerns.</summary>
    public Func<World, Func<Step, object?, bool>>? Omits { get; init; }

    /// <summary>What the store leaves out.</summary>
    public StoreStep? OmitsInStore { get; init; }

    /// <summary>
    /// Draws the worlds it is looked for in: those in which an oracle can be certain of what it breaks, where the usual draw hardly ever
    /// makes one. Without the mutant no promise may be broken in them. Null: the usual draw.
    /// </summary>
    public Func<Random, SimOptions>? Worlds { get; init; }
}

/// <summary>All mutants.</summary>
internal static class Mutants
{
    public static IReadOnlyList<Mutant> All { get; } =
    [
        new("commit-without-claim", "the store accepts a result under any claim it ever gave out") { OmitsInStore = StoreStep.CheckClaim },
        new("lease-never-ends", "a claim whose lease has run out still blocks the key") { OmitsInStore = StoreStep.EndLease },
        new("due-as-miss", "a scheduled regeneration is granted before it is due") { OmitsInStore = StoreStep.WaitForDue },
        new("regenerated-for-ever", "a key that nobody reads goes on being regenerated") { OmitsInStore = StoreStep.EndActivity },
        new("failure-before-fresh", "a failed attempt to make the next value answers a miss, though the present one is fresh") { OmitsInStore = StoreStep.FreshBeforeFailure },
        new("repeat-applied-twice", "a repeated operation is done again") { OmitsInStore = StoreStep.RecallOperation },
        new("awaiter-after-claim", "a caller is registered only some time after its claim was sent") { Omits = RegistersLate },
        new("joined-after-change", "a caller joins a generation that a change has overtaken") { Omits = Always(Step.Supersede) },
        new("overtaken-answer", "an answer of the store older than what was heard enters memory") { Omits = Always(Step.RefuseOvertaken) },
        new("gap-ignored", "a missed notification isn't noticed") { Omits = Always(Step.NoteGap) },
        new("fresh-ignored", "nobody is woken by a new value") { Omits = Always(Step.HearFresh) },
        new("renewal-forgotten", "claims of running generators aren't renewed") { Omits = Always(Step.Renew) },
        new("new-life-ignored", "a store that has lost its data is taken for the one it was") { Omits = Always(Step.NoteEpoch) },
        new("late-failure", "the failure of an older generation fails those who wait for a newer one") { Omits = Always(Step.PassOverOtherEnds) },
        new("recovery-forgotten", "nothing goes on when the store is back") { Omits = Always(Step.GoOnWhenBack) },
        new("removal-uncovered", "what a waiting removal is to end is shown again") { Omits = Always(Step.HideBehindChange) },
        new("lost-with-its-change", "what was made here after a change that waits gives way to what that change has lost to, though it is newer")
        {
            Omits = Always(Step.KeepWhatIsNewerThanChange),
        },
        new("earlier-basis-forgotten", "what was made without the store gives way to the very record it was based on, when that is there again in another epoch of the store")
        {
            Omits = Always(Step.KnowEarlierBasis),
        },
        new("given-not-shown", "what callers were given is shown only when the store has taken it") { Omits = Always(Step.ShowOwn) },
        new("place-not-given-back", "a generation that ended without a run keeps its place") { Omits = KeepsPlaces },
        new("places-ignored", "more generators run for callers than may") { Omits = Always(Step.TakePlace) },
        new("late-grant-kept", "a claim that is granted after its node has given it up is not given back") { Omits = Always(Step.ReturnLateGrant) },
        new("outcome-not-pushed", "a coordinator doesn't wake those who wait")
        {
            Omits = Always(Step.PushOutcome),
            Worlds = SimOptions.DrawLosingNotices,
        },
        new("orphan-forgotten", "nobody takes over what a dead node held") { Omits = Always(Step.FindHeir) },
        new("timer-forgotten", "a node forgets half of what is due on it") { Omits = ForgetsTimers },
        new("death-ignored", "a node goes on waiting for a dead one whose coordinator is dead as well") { Omits = Always(Step.NoteDeath) },
        new("due-forgotten", "a coordinator asks nobody to regenerate") { Omits = Always(Step.AskForDue) },
        new("resync-skipped", "a new coordinator doesn't ask what the nodes know") { Omits = Always(Step.Resync) },
    ];

    public static Mutant? Find(string name) => All.FirstOrDefault(p => p.Name == name);

    private static Func<World, Func<Step, object?, bool>> Always(Step omitted) => _ => (step, _) => step == omitted;

    /// <summary>A flight's first waiter begins it; the others are registered with it only some time later.</summary>
    private static Func<Step, object?, bool> RegistersLate(World world) => (step, subject) =>
    {
        if (step != Step.Join || subject is not (Flight { Waiters: not null } flight, Waiter waiter))
            return false;
        world.After(SimOptions.Millis(2), () => flight.Add(waiter));
        return true;
    };

    private static Func<Step, object?, bool> KeepsPlaces(World world) =>
        (step, subject) => step == Step.GivePlaceBack && subject is Flight { Phase: FlightPhase.Waiting };

    private static Func<Step, object?, bool> ForgetsTimers(World world)
    {
        var forgets = false;
        return (step, _) => step == Step.ServeDue && (forgets = !forgets);
    }
}
