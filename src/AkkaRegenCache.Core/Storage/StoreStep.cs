namespace AkkaRegenCache.Storage;

/// <summary>
/// A step of the reference store that the simulator can leave out, to prove that it finds the violation. Only tests set <see
/// cref="StoreMachine.Omits"/>.
/// </summary>
internal enum StoreStep
{
    /// <summary>A result is accepted under its own live claim only.</summary>
    CheckClaim,

    /// <summary>A claim ends with its lease.</summary>
    EndLease,

    /// <summary>A scheduled claim is granted only when the key is due.</summary>
    WaitForDue,

    /// <summary>An inactive key is not regenerated.</summary>
    EndActivity,

    /// <summary>A fresh value answers a miss, even if the last run for the next one failed.</summary>
    FreshBeforeFailure,

    /// <summary>A repeated operation gets its first answer.</summary>
    RecallOperation,
}
