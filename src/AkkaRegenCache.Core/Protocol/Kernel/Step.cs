namespace AkkaRegenCache.Protocol;

/// <summary>
/// A step of the protocol that the simulator can leave out, to prove that it finds the violation: mutation testing. Only tests set <see
/// cref="AgentSettings.Omits"/> or <see cref="CoordinatorSettings.Omits"/>.
/// </summary>
internal enum Step
{
    /// <summary>A caller becomes one of a flight's waiters.</summary>
    Join,

    /// <summary>A change supersedes a running flight.</summary>
    Supersede,

    /// <summary>Callers' values are shown before the store has answered.</summary>
    ShowOwn,

    /// <summary>A flight that does not generate any more gives its place back.</summary>
    GivePlaceBack,

    /// <summary>A flight takes a place, or waits for one.</summary>
    TakePlace,

    /// <summary>A claim that is granted late is released.</summary>
    ReturnLateGrant,

    /// <summary>An answer of the store that is older than a received token is not used.</summary>
    RefuseOvertaken,

    /// <summary>A gap in another node's notifications starts a comparison.</summary>
    NoteGap,

    /// <summary>A newer value of another node is received.</summary>
    HearFresh,

    /// <summary>Claims are renewed.</summary>
    Renew,

    /// <summary>A new epoch of the store is noticed.</summary>
    NoteEpoch,

    /// <summary>Work that waited for the store goes on when it is back.</summary>
    GoOnWhenBack,

    /// <summary>While a pending change is shown, nothing older than it is shown.</summary>
    HideBehindChange,

    /// <summary>A value made here after a pending change does not yield to whatever superseded that change.</summary>
    KeepWhatIsNewerThanChange,

    /// <summary>A value made without the store does not yield to the record that it is based on, in any epoch of the store.</summary>
    KnowEarlierBasis,

    /// <summary>A due key is served.</summary>
    ServeDue,

    /// <summary>Claims of a node that is believed dead are stolen.</summary>
    NoteDeath,

    /// <summary>The end of a claim is ignored by flights that wait for a different claim.</summary>
    PassOverOtherEnds,

    /// <summary>A coordinator pushes an outcome to waiting nodes.</summary>
    PushOutcome,

    /// <summary>A coordinator asks a node to regenerate.</summary>
    AskForDue,

    /// <summary>A new coordinator asks the nodes what they know.</summary>
    Resync,

    /// <summary>A coordinator finds a node that steals a dead node's claim.</summary>
    FindHeir,
}
