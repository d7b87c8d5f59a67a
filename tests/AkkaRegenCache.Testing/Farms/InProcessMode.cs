namespace AkkaRegenCache.Testing.Farms;

/// <summary>Farms in this process on virtual time.</summary>
public sealed class InProcessMode : FarmMode
{
    private readonly bool _storesObjects;
    private readonly bool _isCoordinated;

    private InProcessMode(bool storesObjects, bool isCoordinated = false)
    {
        _storesObjects = storesObjects;
        _isCoordinated = isCoordinated;
    }

    /// <summary>The store keeps the objects as they are.</summary>
    public static InProcessMode Objects { get; } = new(storesObjects: true);

    /// <summary>Values are serialized for the store and for notifications, as they are for a remote one.</summary>
    public static InProcessMode Serialized { get; } = new(storesObjects: false);

    /// <summary>The same, with coordinators beside the store.</summary>
    public static InProcessMode Coordinated { get; } = new(storesObjects: false, isCoordinated: true);

    public override Farm Create(FarmSetup setup) => new VirtualFarm(setup, _storesObjects, _isCoordinated);
}
