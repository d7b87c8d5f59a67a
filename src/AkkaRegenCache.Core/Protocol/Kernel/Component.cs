namespace AkkaRegenCache.Protocol;

/// <summary>A part of the agent with state of its own.</summary>
internal abstract class Component(Kernel kernel)
{
    protected Kernel Kernel { get; } = kernel;

    protected AgentSettings Settings => Kernel.Settings;

    /// <summary>The time of this step, in ticks.</summary>
    protected long Now => Kernel.Now;

    /// <summary>What this step wants done.</summary>
    protected Outbox Out => Kernel.Out;

    protected StoreGate StoreGate => Kernel.Parts.StoreGate;
    protected StoreHealth StoreHealth => Kernel.Parts.StoreHealth;
    protected Telling Telling => Kernel.Parts.Telling;
    protected Coordinators Coordinators => Kernel.Parts.Coordinators;
    protected Activity Activity => Kernel.Parts.Activity;
    protected Shown Shown => Kernel.Parts.Shown;
    protected Scheduling Scheduling => Kernel.Parts.Scheduling;
    protected Records Records => Kernel.Parts.Records;
    protected OwnFailures OwnFailures => Kernel.Parts.OwnFailures;
    protected Places Places => Kernel.Parts.Places;
    protected HeldClaims HeldClaims => Kernel.Parts.HeldClaims;
    protected DeadNodes DeadNodes => Kernel.Parts.DeadNodes;
    protected Flights Flights => Kernel.Parts.Flights;
    protected Writes Writes => Kernel.Parts.Writes;
    protected Checking Checking => Kernel.Parts.Checking;
    protected Hearing Hearing => Kernel.Parts.Hearing;
    protected CoordinatorClient CoordinatorClient => Kernel.Parts.CoordinatorClient;
    protected Pulse Pulse => Kernel.Parts.Pulse;
}
