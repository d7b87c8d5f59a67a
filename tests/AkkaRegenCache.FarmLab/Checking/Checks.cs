using AkkaRegenCache.FarmLab.Watching;
using AkkaRegenCache.FarmLab.Wire;

namespace AkkaRegenCache.FarmLab.Checking;

/// <summary>Looks for one kind of broken promise in what is known of a run. Pure: the same log gives the same violations.</summary>
internal interface ICheck
{
    IEnumerable<Violation> Check(LabLog log);
}

/// <summary>The checks, and the graces that all of them give: how long after an event its consequences may last.</summary>
internal static class Checks
{
    /// <summary>A change is heard everywhere within 100 ms, where the machine has time for it; this one is shared and noisy.</summary>
    public static readonly long ChangeGrace = LabClock.Ticks(TimeSpan.FromSeconds(1));

    /// <summary>After healing, no node may be stale for longer.</summary>
    public static readonly long HealGrace = LabClock.Ticks(TimeSpan.FromSeconds(2));

    /// <summary>A node that was paused shows what it had until it hears otherwise.</summary>
    public static readonly long PauseGrace = LabClock.Ticks(TimeSpan.FromSeconds(1));

    /// <summary>A default lease, and time to notice that it is over: a crash is felt for so long.</summary>
    public static readonly long LeaseGrace = LabClock.Ticks(TimeSpan.FromSeconds(5));

    /// <summary>Those about answers: what they find is a wrong answer.</summary>
    public static IReadOnlyList<ICheck> OfAnswers { get; } = [new ValuesAreWhole(), new NeverBack(), new NeverUndone(), new NeverTooOld()];

    /// <summary>Those about the store and the origin, and about waits.</summary>
    public static IReadOnlyList<ICheck> OfTheFarm { get; } =
        [new TokensIncrease(), new CommittedUnderItsClaim(), new OneAcceptedPerInterval(), new RunsAreAccountedFor(), new WarmNeverWaits(), new NobodyHangs()];
}
