using AkkaRegenCache.Hosting;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Notifications;
using AkkaRegenCache.Testing.Stores;

namespace AkkaRegenCache.Testing.Farms;

/// <summary>What a scenario wants of its farm.</summary>
public sealed record FarmSetup
{
    public int Nodes { get; init; } = 1;

    public string CacheName { get; init; } = "scenarios";

    public Action<RegenCacheOptions>? Configure { get; init; }

    /// <summary>Completes each node's registration: then every node has a container of its own. Null: they are made without.</summary>
    public Action<RegenCacheBuilder>? Register { get; init; }
}

/// <summary>A way to build farms: the scenarios are the same for each.</summary>
public abstract class FarmMode
{
    public abstract Farm Create(FarmSetup setup);
}

/// <summary>
/// Some nodes of one cache, and the time they live in. All that a scenario may use, so that it says nothing about how the nodes are
/// connected, nor whether time is virtual.
/// </summary>
public abstract class Farm : IAsyncDisposable
{
    /// <summary>Nodes that were ever begun; those that have left keep their number.</summary>
    public abstract int Count { get; }

    public IEnumerable<int> Indexes => Enumerable.Range(0, Count);

    /// <summary>Time since the farm began.</summary>
    public abstract TimeSpan Now { get; }

    /// <summary>How much later than it should a thing may happen: nothing on virtual time.</summary>
    public abstract TimeSpan Slack { get; }

    public abstract IRegenCache Node(int index);

    /// <summary>A node's own way to the shared store: it counts calls and can be made to fail.</summary>
    public abstract ObservedStore StoreOf(int index);

    /// <summary>A node's own way to the shared notifications.</summary>
    public abstract ObservedBus BusOf(int index);

    public abstract long MemoryEntries(int index);

    public abstract long MemoryBytes(int index);

    public abstract int HungGenerators(int index);

    /// <summary>Lets a node join; returns its number.</summary>
    public abstract int Join();

    /// <summary>Another cache in the same store and notifications, for as long as the farm lives.</summary>
    public abstract IRegenCache Another(string cacheName);

    /// <summary>Begins to dispose a node, and returns at once.</summary>
    public abstract void BeginLeave(int index);

    /// <summary>Disposes a node, and lets time pass until it has left.</summary>
    public abstract Task LeaveAsync(int index);

    /// <summary>Lets time pass, and returns when all that follows from it has been done.</summary>
    public abstract Task AdvanceAsync(TimeSpan duration);

    /// <summary>Lets time pass until the condition holds, at most so much.</summary>
    /// <returns>Whether it holds.</returns>
    public abstract Task<bool> AdvanceUntilAsync(Func<bool> condition, TimeSpan limit);

    /// <summary>Returns when all that was begun has been done, as far as it doesn't wait for time to pass.</summary>
    public Task SettleAsync() => AdvanceAsync(TimeSpan.Zero);

    /// <summary>How generators and stores of a scenario take their time.</summary>
    public abstract Task DelayAsync(TimeSpan duration, CancellationToken cancellationToken);

    /// <summary>How they wait for the scenario.</summary>
    public abstract Gate NewGate();

    /// <summary>Flights, claims, waiters and runs that are under way. Empty when all callers are answered.</summary>
    public abstract IReadOnlyList<string> Leftovers();

    public abstract ValueTask DisposeAsync();
}

/// <summary>Generators wait at it until the scenario opens it.</summary>
public abstract class Gate
{
    /// <summary>How many wait.</summary>
    public abstract int Waiting { get; }

    public abstract Task PassAsync(CancellationToken cancellationToken);

    public abstract void Open();
}
