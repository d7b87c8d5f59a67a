namespace AkkaRegenCache.Protocol;

/// <summary>The parts of one agent.</summary>
internal sealed class Parts(Kernel kernel)
{
    public StoreGate StoreGate { get; } = new(kernel);

    public StoreHealth StoreHealth { get; } = new(kernel);

    public Telling Telling { get; } = new(kernel);

    public Coordinators Coordinators { get; } = new(kernel);

    public Activity Activity { get; } = new(kernel);

    public Shown Shown { get; } = new(kernel);

    public Scheduling Scheduling { get; } = new(kernel);

    public Records Records { get; } = new(kernel);

    public OwnFailures OwnFailures { get; } = new(kernel);

    public Places Places { get; } = new(kernel);

    public HeldClaims HeldClaims { get; } = new(kernel);

    public DeadNodes DeadNodes { get; } = new(kernel);

    public Flights Flights { get; } = new(kernel);

    public Writes Writes { get; } = new(kernel);

    public Checking Checking { get; } = new(kernel);

    public Hearing Hearing { get; } = new(kernel);

    public CoordinatorClient CoordinatorClient { get; } = new(kernel);

    public Pulse Pulse { get; } = new(kernel);
}
