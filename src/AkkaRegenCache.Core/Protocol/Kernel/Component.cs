namespace AkkaRegenCache.Protocol;

/// <summary>A component of the agent, with its own state.</summary>
internal abstract class Component(Kernel kernel)
{
    protected Kernel Kernel { get; } = kernel;

    protected AgentSettings Settings => Kernel.Settings;

    /// <summary>The time of this step, in ticks.</summary>
    protected long Now => Kernel.Now;

    /// <summary>The messages that this step wants sent.</summary>
    protected Outbox Out => Kernel.Out;
}
