using System.Runtime.InteropServices;
using AkkaRegenCache.Runtime;

namespace AkkaRegenCache.Awaiting;

/// <summary>
/// Lets callers wait for a message that somebody else will bring: they register an awaiter for a key, and a notifier completes all
/// awaiters of the message's key at once.
/// </summary>
/// <remarks>
/// <para>
/// An awaiter hears every message whose <see cref="Notify"/> is called after its <see cref="Register"/> returned, and none that came
/// before. So register first, and only then do what brings the message about: a request sent before its awaiter exists can be answered
/// into the void.
/// </para>
/// <para>
/// An awaiter that ended, in whatever way, leaves nothing behind, and a key goes with its last awaiter. One that was forgotten ends with a
/// <see cref="TimeoutException"/> after the longest lifetime. All share one lifetime, so they time out in the order they came:
/// one list and one timer serve any number of them, and each costs O(1).
/// </para>
/// <para>
/// All members may be called from any number of threads. One short lock guards the registrations; no code of the caller's runs under
/// it but the keys' hash and equality. The idea and the name are RegenerativeDistributedCache's.
/// </para>
/// </remarks>
/// <typeparam name="TMessage">Type of the messages.</typeparam>
/// <typeparam name="TKey">Type of what correlates a message with its awaiters.</typeparam>
public sealed class CorrelatedAwaitManager<TMessage, TKey> : IDisposable
    where TKey : notnull
{
    private static readonly TimeSpan DefaultMaximumLifetime = TimeSpan.FromMinutes(10);

    // Timers of the system take no longer due time than 49.7 days; a lifetime may be longer.
    private static readonly TimeSpan LongestSweepDelay = TimeSpan.FromDays(1);

    private readonly Lock _gate = new();
    private readonly Func<TMessage, TKey> _keySelector;
    private readonly TimeProvider _time;
    private readonly TimeSpan _maximumLifetime;
    private readonly ITimer? _sweepTimer;

    // Under the gate: each key's awaiters (a list through NextOfKey), and all of them by age (through Older and Younger).
    private readonly Dictionary<TKey, Awaiter> _firstOfKey;
    private Awaiter? _oldest;
    private Awaiter? _youngest;
    private int _count;
    private bool _sweepIsSet;
    private bool _disposed;

    /// <summary>Creates a manager.</summary>
    /// <param name="keySelector">Gives a message's key. Called once for every <see cref="Notify"/>, on its thread.</param>
    /// <param name="maximumLifetime">
    /// The longest an awaiter waits, at least 1 millisecond, or <see cref="Timeout.InfiniteTimeSpan"/>; null: 10
    /// minutes. Kept to a millisecond, never too short.
    /// </param>
    /// <param name="comparer">Compares keys; null: the default of <typeparamref name="TKey"/>.</param>
    /// <param name="timeProvider">The clock; null: the system's.</param>
    /// <exception cref="ArgumentNullException">There is no <paramref name="keySelector"/>.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maximumLifetime"/> is below a millisecond or above 3650 days.</exception>
    public CorrelatedAwaitManager(
        Func<TMessage, TKey> keySelector,
        TimeSpan? maximumLifetime = null,
        IEqualityComparer<TKey>? comparer = null,
        TimeProvider? timeProvider = null)
    {
        ArgumentNullException.ThrowIfNull(keySelector);
        _maximumLifetime = maximumLifetime ?? DefaultMaximumLifetime;
        if (_maximumLifetime != Timeout.InfiniteTimeSpan)
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(_maximumLifetime, TimeSpan.FromMilliseconds(1), nameof(maximumLifetime));
            ArgumentOutOfRangeException.ThrowIfGreaterThan(_maximumLifetime, RegenEntryOptions.MaximumDuration, nameof(maximumLifetime));
        }

        _keySelector = keySelector;
        _firstOfKey = new Dictionary<TKey, Awaiter>(comparer);
        _time = timeProvider ?? TimeProvider.System;
        if (_maximumLifetime != Timeout.InfiniteTimeSpan)
        {
            // A timer keeps the context in which it is made, and this one lives as long as the manager.
            _sweepTimer = OwnContext.Run(() => _time.CreateTimer(
                static manager => ((CorrelatedAwaitManager<TMessage, TKey>)manager!).Sweep(),
                this,
                Timeout.InfiniteTimeSpan,
                Timeout.InfiniteTimeSpan));
        }
    }

    /// <summary>How many awaiters wait now.</summary>
    public int AwaiterCount
    {
        get
        {
            lock (_gate)
                return _count;
        }
    }

    /// <summary>How many keys are waited for now.</summary>
    public int KeyCount
    {
        get
        {
            lock (_gate)
                return _firstOfKey.Count;
        }
    }

    /// <summary>Registers an awaiter for the next message of <paramref name="key"/>.</summary>
    /// <param name="key">What the message must be about.</param>
    /// <param name="cancellationToken">Ends the wait. If it is cancelled already, the awaiter is too.</param>
    /// <returns>The awaiter; dispose it when the wait is over.</returns>
    /// <exception cref="ArgumentNullException">There is no <paramref name="key"/>.</exception>
    /// <exception cref="ObjectDisposedException">The manager was disposed.</exception>
    public CorrelatedAwaiter<TMessage> Register(TKey key, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(key);

        // The token comes before the list: it may cancel at any moment from here on, and an awaiter that is over is never linked.
        var awaiter = new Awaiter(this, key);
        awaiter.ListenTo(cancellationToken);
        try
        {
            lock (_gate)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                Link(awaiter);
            }
        }
        catch
        {
            awaiter.Dispose();
            throw;
        }

        return awaiter;
    }

    /// <summary>Completes all awaiters of the message's key with <paramref name="message"/>.</summary>
    /// <param name="message">The message.</param>
    /// <returns>
    /// How many awaiters it completed: 0 where none waited, and after disposal. Each awaiter is counted by one call only. What
    /// awaits them has not necessarily run when this returns.
    /// </returns>
    /// <exception cref="InvalidOperationException">The key selector gave null. (What it throws itself is thrown as it was.)</exception>
    public int Notify(TMessage message)
    {
        TKey key = _keySelector(message) ?? throw new InvalidOperationException("The key selector gave null.");
        Awaiter? awaiter;
        lock (_gate)
        {
            if (!_firstOfKey.Remove(key, out awaiter))
                return 0;

            for (Awaiter? each = awaiter; each is not null; each = each.NextOfKey)
                UnlinkFromAges(each);
        }

        int completed = 0;
        while (awaiter is not null)
        {
            // Forgetting the next keeps one awaiter that its caller holds on to from holding all the others.
            Awaiter? next = awaiter.NextOfKey;
            awaiter.NextOfKey = null;
            awaiter.EndWith(message);
            completed++;
            awaiter = next;
        }

        return completed;
    }

    /// <summary>Ends all awaiters with an <see cref="ObjectDisposedException"/>; none can be registered any more.</summary>
    public void Dispose()
    {
        Awaiter? awaiter;
        lock (_gate)
        {
            _disposed = true;
            awaiter = TakeOlderThan(long.MaxValue);
        }

        _sweepTimer?.Dispose();
        EndAll(awaiter, _ => new ObjectDisposedException(GetType().Name));
    }

    private void Sweep()
    {
        Awaiter? expired;
        lock (_gate)
        {
            _sweepIsSet = false;
            if (_disposed)
                return;

            expired = TakeOlderThan(_time.GetTimestamp());
            SetSweep();
        }

        EndAll(expired, awaiter => new TimeoutException($"No message for '{awaiter.Key}' has come within {_maximumLifetime}."));
    }

    // The timer is set for the oldest awaiter and left alone when that one ends earlier: it then finds nothing due and is set again, so
    // it runs at most once in a lifetime more than it has to, and ending an awaiter costs no timer operation.
    private void SetSweep()
    {
        if (_oldest is null || _sweepIsSet || _sweepTimer is null)
            return;

        // Whole milliseconds, rounded up: the system's timers cut fractions off, and would come too early again and again.
        TimeSpan remaining = _time.GetElapsedTime(_time.GetTimestamp(), _oldest.Deadline);
        TimeSpan delay = TimeSpan.FromMilliseconds(Math.Max(1, Math.Ceiling(remaining.TotalMilliseconds)));
        _sweepIsSet = true;
        _sweepTimer.Change(delay < LongestSweepDelay ? delay : LongestSweepDelay, Timeout.InfiniteTimeSpan);
    }

    private void Link(Awaiter awaiter)
    {
        if (awaiter.IsOver)
            return;

        ref Awaiter? first = ref CollectionsMarshal.GetValueRefOrAddDefault(_firstOfKey, awaiter.Key, out _);
        awaiter.NextOfKey = first;
        if (first is not null)
            first.PreviousOfKey = awaiter;
        first = awaiter;

        // Read under the gate, so that the list stays sorted.
        awaiter.Deadline = _sweepTimer is null
            ? long.MaxValue
            : _time.GetTimestamp() + (long)(_maximumLifetime.TotalSeconds * _time.TimestampFrequency);
        awaiter.Older = _youngest;
        if (_youngest is null)
            _oldest = awaiter;
        else
            _youngest.Younger = awaiter;
        _youngest = awaiter;
        awaiter.IsLinked = true;
        _count++;
        SetSweep();
    }

    /// <summary>Takes the awaiter out for its one end. False if somebody else has done so.</summary>
    private bool TryTake(Awaiter awaiter)
    {
        lock (_gate)
        {
            if (awaiter.IsOver)
                return false;

            awaiter.IsOver = true;
            if (awaiter.IsLinked)
            {
                UnlinkFromKey(awaiter);
                UnlinkFromAges(awaiter);
            }

            return true;
        }
    }

    /// <summary>Takes out all whose deadline has come, and hands them over as a list through <c>Younger</c>.</summary>
    private Awaiter? TakeOlderThan(long now)
    {
        Awaiter? first = null;
        Awaiter? last = null;
        while (_oldest is { } awaiter && awaiter.Deadline <= now)
        {
            UnlinkFromKey(awaiter);
            UnlinkFromAges(awaiter);
            if (last is null)
                first = awaiter;
            else
                last.Younger = awaiter;
            last = awaiter;
        }

        return first;
    }

    private void UnlinkFromKey(Awaiter awaiter)
    {
        if (awaiter.NextOfKey is { } next)
            next.PreviousOfKey = awaiter.PreviousOfKey;

        if (awaiter.PreviousOfKey is { } previous)
            previous.NextOfKey = awaiter.NextOfKey;
        else if (awaiter.NextOfKey is { } newFirst)
            _firstOfKey[awaiter.Key] = newFirst;
        else
            _firstOfKey.Remove(awaiter.Key);

        awaiter.NextOfKey = awaiter.PreviousOfKey = null;
    }

    private void UnlinkFromAges(Awaiter awaiter)
    {
        if (awaiter.Older is { } older)
            older.Younger = awaiter.Younger;
        else
            _oldest = awaiter.Younger;

        if (awaiter.Younger is { } younger)
            younger.Older = awaiter.Older;
        else
            _youngest = awaiter.Older;

        awaiter.Older = awaiter.Younger = null;
        awaiter.PreviousOfKey = null;
        awaiter.IsLinked = false;
        awaiter.IsOver = true;
        _count--;
    }

    private static void EndAll(Awaiter? first, Func<Awaiter, Exception> error)
    {
        while (first is { } awaiter)
        {
            first = awaiter.Younger;
            awaiter.Younger = null;
            awaiter.EndWith(error(awaiter));
        }
    }

    private sealed class Awaiter(CorrelatedAwaitManager<TMessage, TKey> manager, TKey key) : CorrelatedAwaiter<TMessage>
    {
        // Asynchronous continuations: a notifier must not run, nor be blocked by, what its awaiters do next.
        private readonly TaskCompletionSource<TMessage> _completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private CancellationTokenRegistration _cancellation;

        public override Task<TMessage> Task => _completion.Task;

        public TKey Key { get; } = key;

        // Guarded by the manager's gate until the awaiter is over, then owned by the one who took it out.
        public Awaiter? NextOfKey { get; set; }

        public Awaiter? PreviousOfKey { get; set; }

        public Awaiter? Older { get; set; }

        public Awaiter? Younger { get; set; }

        public long Deadline { get; set; }

        public bool IsLinked { get; set; }

        public bool IsOver { get; set; }

        public void ListenTo(CancellationToken cancellationToken)
        {
            if (cancellationToken.CanBeCanceled)
                _cancellation = cancellationToken.UnsafeRegister(static (awaiter, token) => ((Awaiter)awaiter!).Cancel(token), this);
        }

        public void EndWith(TMessage message)
        {
            // Unregister, not Dispose: that one waits for a cancellation callback which may be waiting for the manager's gate.
            _cancellation.Unregister();
            _completion.TrySetResult(message);
        }

        public void EndWith(Exception error)
        {
            _cancellation.Unregister();
            _completion.TrySetException(error);

            // Who forgot the awaiter won't observe its error either; that is no reason to raise UnobservedTaskException.
            _ = _completion.Task.Exception;
        }

        private protected override void GiveUp() => Cancel(new CancellationToken(canceled: true));

        private void Cancel(CancellationToken token)
        {
            if (!manager.TryTake(this))
                return;

            _cancellation.Unregister();
            _completion.TrySetCanceled(token);
        }
    }
}
