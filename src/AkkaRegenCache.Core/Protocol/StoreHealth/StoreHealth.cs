using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Protocol;

/// <summary>Asks the store whether it is there, and whether it is still the one it was.</summary>
/// <remarks>
/// While the breaker doubts or is open, probes; and, where a node serves all from memory and asks nothing, a sign of life now and then: a store that has lost its data is else
/// not noticed. A store of several parts (a shard's each) is asked part by part, since none of them tells of another.
/// </remarks>
internal sealed class StoreHealth(Kernel kernel, StoreGate storeGate) : Component(kernel)
{
    /// <summary>After so long without any call the store is asked whether it is still the same.</summary>
    private static readonly long s_quiet = TimeSpan.FromSeconds(2).Ticks;

    private const int PartsAskedAtOnce = 4;

    /// <summary>The same of a partition of a store.</summary>
    private static readonly long s_partQuiet = TimeSpan.FromSeconds(8).Ticks;

    private bool _probesWanted;

    private int _lastPartition;

    public void ServeProbe()
    {
        if (storeGate.Breaker.ProbeAt <= Now)
            Probe();
    }

    public void Probe()
    {
        storeGate.Breaker.OnProbing();
        var state = Kernel.Epochs.Length > 1 ? NextSample() : NextProbed();
        storeGate.Send(new ProbeCall
        {
            Keys = [state?.Key ?? "?"],
            Checked = state is null ? [] : [state],
            IsOfBreaker = true,
            Partition = state?.Partition ?? Kernel.PartitionOf("?"),
            IssuedAt = Now,
        });
    }

    /// <summary>
    /// Where some of a store's servers are down (a master of a Redis Cluster), the others must not be taken for down with them: so the key that was answered for last
    /// is asked for, and while the store counts as down every other time the one that somebody wants.
    /// </summary>
    private KeyState? NextProbed()
    {
        _probesWanted = storeGate.Breaker.IsOpen && !_probesWanted;
        var (first, second) = _probesWanted ? (storeGate.Wanted, storeGate.Answered) : (storeGate.Answered, storeGate.Wanted);
        return first is { IsGone: false } ? first : second is { IsGone: false } ? second : Kernel.Keys.Count > 0 ? Kernel.Keys.Values.First() : null;
    }

    /// <summary>
    /// A node that serves everything from memory doesn't notice that the store has begun a new epoch, and goes on showing what that has lost: it
    /// asks for a sign of life now and then.
    /// </summary>
    public void AskForSignOfLife()
    {
        if (Kernel.Epochs.Length > 1)
        {
            AskPartitionsForSignOfLife();
            return;
        }

        if (Now - storeGate.AskedAt < s_quiet || Kernel.Keys.Count == 0 || storeGate.Breaker.IsOpen || storeGate.Breaker.ProbeAt != long.MaxValue)
            return;
        Probe();
    }

    /// <summary>The same for each partition of a store, some at a time: none of them tells of another's epoch.</summary>
    private void AskPartitionsForSignOfLife()
    {
        for (var (i, asked) = (0, 0); i < Kernel.Epochs.Length && asked < PartsAskedAtOnce; i++)
        {
            _lastPartition = (_lastPartition + 1) % Kernel.Epochs.Length;
            if (Now - storeGate.PartitionsAskedAt[_lastPartition] < s_partQuiet || Kernel.SampleOf(_lastPartition) is not { } sample)
                continue;
            asked++;
            storeGate.Send(new ProbeCall { Keys = [sample.Key], Checked = [sample], Partition = _lastPartition, IssuedAt = Now });
        }
    }

    /// <summary>A key of another part than the last time: one part that doesn't answer must not be taken for all of the store.</summary>
    private KeyState? NextSample()
    {
        for (var i = 0; i < Kernel.Epochs.Length; i++)
        {
            _lastPartition = (_lastPartition + 1) % Kernel.Epochs.Length;
            if (Kernel.SampleOf(_lastPartition) is { } sample)
                return sample;
        }

        return null;
    }

    /// <summary>The store's epoch as this node knows it, for the simulator's checks.</summary>
    internal string EpochOf(int part) => Kernel.Epochs[part];
}
