namespace AkkaRegenCache.Protocol;

/// <summary>
/// A step of the protocol that the simulator can take out, to see that it notices: mutation testing by hand. Nothing but tests sets
/// <see cref="AgentSettings.Omits"/> or <see cref="CoordinatorSettings.Omits"/>.
/// </summary>
internal enum Step
{
    /// <summary>A caller becomes one of a flight's waiters.</summary>
    Join,

    /// <summary>A running flight that a change has overtaken is sealed.</summary>
    Supersede,

    /// <summary>What callers were given is shown before the store has answered.</summary>
    ShowOwn,

    /// <summary>A flight that generates no more gives its place back.</summary>
    GivePlaceBack,

    /// <summary>A flight takes a place, or waits for one.</summary>
    TakePlace,

    /// <summary>A claim that comes too late is given back.</summary>
    ReturnLateGrant,

    /// <summary>An answer of the store that is older than what was heard is not used.</summary>
    RefuseOvertaken,

    /// <summary>A gap in what another node says makes this one compare.</summary>
    NoteGap,

    /// <summary>A newer value is heard of.</summary>
    HearFresh,

    /// <summary>Claims are renewed.</summary>
    Renew,

    /// <summary>A new epoch of the store is noticed.</summary>
    NoteEpoch,

    /// <summary>What waited for the store goes on when it is back.</summary>
    GoOnWhenBack,

    /// <summary>What a waiting change of this node is to end is not shown.</summary>
    HideBehindChange,

    /// <summary>What was made here after a change that waits doesn't give way to what that change has lost to.</summary>
    KeepWhatIsNewerThanChange,

    /// <summary>What was made without the store doesn't give way to the record that it was based on, in whatever epoch of the store.</summary>
    KnowEarlierBasis,

    /// <summary>Something due is seen to.</summary>
    ServeDue,

    /// <summary>Claims of a node that is believed dead are taken over.</summary>
    NoteDeath,

    /// <summary>The end of another claim than the one waited for is passed over.</summary>
    PassOverOtherEnds,

    /// <summary>A coordinator pushes an outcome to those who wait.</summary>
    PushOutcome,

    /// <summary>A coordinator asks a node to regenerate.</summary>
    AskForDue,

    /// <summary>A new coordinator asks what the nodes know.</summary>
    Resync,

    /// <summary>A coordinator finds somebody to take over what a dead node held.</summary>
    FindHeir,
}
