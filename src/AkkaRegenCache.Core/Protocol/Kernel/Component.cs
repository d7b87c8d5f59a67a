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
}
