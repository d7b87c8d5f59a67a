namespace AkkaRegenCache.Storage;

/// <summary>A step of the reference store that the simulator can take out, to see that it notices. Nothing but tests sets <see cref="StoreMachine.Omits"/>.</summary>
internal enum StoreStep
{
    /// <summary>A result is accepted under its own live claim only.</summary>
    CheckClaim,

    /// <summary>A claim ends with its lease.</summary>
    EndLease,

    /// <summary>A regeneration is granted when it is due, and not before.</summary>
    WaitForDue,

    /// <summary>A key that nobody reads is regenerated no more.</summary>
    EndActivity,

    /// <summary>A fresh value answers a miss, also where the last attempt to make the next one has failed.</summary>
    FreshBeforeFailure,

    /// <summary>A repeated operation gets its first answer.</summary>
    RecallOperation,
}
