namespace AkkaRegenCache.Demo.Farm;

/// <summary>A node of the farm, wherever it runs.</summary>
internal abstract class FarmNode(int number) : IAsyncDisposable
{
    public int Number { get; } = number;

    /// <summary>A letter, from A on.</summary>
    public string Name => ((char)('A' + Number)).ToString();

    public abstract Uri Address { get; }

    public bool IsDead { get; private set; }

    /// <summary>How many values it is asking the origin for, each under a claim.</summary>
    public abstract Task<int> GeneratingAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Dies from one moment to the next. It releases nothing; the claims that it held have to run out.
    /// </summary>
    public void Kill()
    {
        IsDead = true;
        KillCore();
    }

    public abstract ValueTask DisposeAsync();

    protected abstract void KillCore();
}
