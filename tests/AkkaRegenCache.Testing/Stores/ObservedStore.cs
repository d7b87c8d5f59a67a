using System.Collections.Concurrent;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Runtime;
using AkkaRegenCache.Storage;

namespace AkkaRegenCache.Testing.Stores;

/// <summary>How a call of the store goes wrong.</summary>
public enum StoreFault
{
    None,

    /// <summary>Nothing is done; it throws, every other time synchronously.</summary>
    Throws,

    /// <summary>It is done, and throws.</summary>
    LosesAnswer,

    /// <summary>Nothing is done and there is never an answer.</summary>
    Hangs,

    /// <summary>It is done at once and answered late.</summary>
    AnswersLate,

    /// <summary>It is done late.</summary>
    IsSlow,

    /// <summary>Nothing is done: the store is there, and refuses it.</summary>
    Refuses,
}

/// <summary>A node's way to the store: counts the calls, and goes wrong where it is told to. Thread-safe.</summary>
public sealed class ObservedStore(IExternalStore inner, Func<TimeSpan, Task> delay) : DelegatingStore(inner), IReturnsAtOnce
{
    private readonly Observations _observations = new(delay);

    /// <summary>Makes calls go wrong; without operations named, all of them.</summary>
    /// <param name="fault">How.</param>
    /// <param name="operations">Which ones.</param>
    public void Break(StoreFault fault, params StoreOperation[] operations) => Break(fault, TimeSpan.Zero, int.MaxValue, operations);

    /// <summary>Makes the next calls go wrong.</summary>
    /// <param name="fault">How.</param>
    /// <param name="time">How long slow ones take.</param>
    /// <param name="times">How many.</param>
    /// <param name="operations">Which ones; none named: all.</param>
    public void Break(StoreFault fault, TimeSpan time, int times, params StoreOperation[] operations)
    {
        foreach (var operation in operations.Length == 0 ? Enum.GetValues<StoreOperation>() : operations)
            _observations.Rules[operation] = new Rule(fault, time, times);
    }

    public void Heal() => _observations.Rules.Clear();

    public int Calls(StoreOperation operation) => _observations.Calls.Count(c => c.Operation == operation);

    public int Calls(StoreOperation operation, string key) => _observations.Calls.Count(c => c == (operation, key));

    public override IExternalStore ForCache(string cacheName) => new OfCache(Inner.ForCache(cacheName), _observations);

    protected override ValueTask<T> CallAsync<T>(
        StoreOperation operation, string key, Func<CancellationToken, ValueTask<T>> ask, CancellationToken cancellationToken) =>
        throw new InvalidOperationException("A cache uses its own part of the store, and never the whole.");

    private sealed class Rule(StoreFault fault, TimeSpan time, int times)
    {
        private int _left = times;

        public TimeSpan Time => time;

        public StoreFault Next() => Interlocked.Decrement(ref _left) >= 0 ? fault : StoreFault.None;
    }

    private sealed class Observations(Func<TimeSpan, Task> delay)
    {
        private int _thrown;

        public ConcurrentDictionary<StoreOperation, Rule> Rules { get; } = new();

        public ConcurrentQueue<(StoreOperation Operation, string Key)> Calls { get; } = new();

        public ValueTask<T> Do<T>(StoreOperation operation, string key, Func<ValueTask<T>> call, bool isLook = false)
        {
            Calls.Enqueue((operation, key));
            if (isLook)
                Calls.Enqueue((StoreOperation.Look, key));
            if (!Rules.TryGetValue(operation, out var rule) && !(isLook && Rules.TryGetValue(StoreOperation.Look, out rule)))
                return call();
            var fault = rule.Next();
            if (fault == StoreFault.None)
                return call();
            if (fault == StoreFault.Throws && Interlocked.Increment(ref _thrown) % 2 == 0)
                throw new IOException($"The store is down ({operation}).");
            if (fault == StoreFault.Refuses && Interlocked.Increment(ref _thrown) % 2 == 0)
                throw new StoreRefusedException($"The store refuses this ({operation}).");
            return Misdo(operation, fault, rule.Time, call);
        }

        private async ValueTask<T> Misdo<T>(StoreOperation operation, StoreFault fault, TimeSpan time, Func<ValueTask<T>> call)
        {
            switch (fault)
            {
                case StoreFault.LosesAnswer:
                    await call().ConfigureAwait(false);
                    throw new IOException($"The answer was lost ({operation}).");
                case StoreFault.AnswersLate:
                    var answer = await call().ConfigureAwait(false);
                    await delay(time).ConfigureAwait(false);
                    return answer;
                case StoreFault.IsSlow:
                    await delay(time).ConfigureAwait(false);
                    return await call().ConfigureAwait(false);
                case StoreFault.Hangs:
                    await delay(Timeout.InfiniteTimeSpan).ConfigureAwait(false);
                    break;
                case StoreFault.Refuses:
                    throw new StoreRefusedException($"The store refuses this ({operation}).");
            }

            throw new IOException($"The store is down ({operation}).");
        }
    }

    private sealed class OfCache(IExternalStore inner, Observations observations) : DelegatingStore(inner), IReturnsAtOnce
    {
        public override IExternalStore ForCache(string cacheName) => throw new InvalidOperationException("This is a cache's own already.");

        public override bool AnnouncesOn(INotificationBus bus) => false;

        public override ValueTask<ClaimAnswer> ClaimAsync(ClaimRequest request, CancellationToken cancellationToken = default) => observations.Do(
            StoreOperation.Claim, request.Key, () => Inner.ClaimAsync(request, cancellationToken), isLook: request.Reason == ClaimReason.Miss);

        protected override ValueTask<T> CallAsync<T>(
            StoreOperation operation, string key, Func<CancellationToken, ValueTask<T>> ask, CancellationToken cancellationToken) =>
            observations.Do(operation, key, () => ask(cancellationToken), isLook: operation == StoreOperation.Read);
    }
}
