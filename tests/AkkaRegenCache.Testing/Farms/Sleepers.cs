namespace AkkaRegenCache.Testing.Farms;

/// <summary>
/// Who waits for virtual time, or for the scenario: a generator or a call of the store that is in here does nothing until somebody wakes it, so
/// the farm may be quiet although it is under way. One whose cancellation was asked for counts as awake, as it is about to be.
/// </summary>
/// <remarks>Whoever is woken is first taken out and then goes on, on the thread that wakes it: so it is never overlooked.</remarks>
internal sealed class Sleepers(TimeProvider clock)
{
    private readonly Lock _gate = new();
    private readonly HashSet<Sleeper> _asleep = [];

    public int Count
    {
        get
        {
            lock (_gate)
                return _asleep.Count(s => !s.Token.IsCancellationRequested);
        }
    }

    public Task SleepAsync(TimeSpan duration, CancellationToken cancellationToken)
    {
        if (duration <= TimeSpan.Zero)
            return Task.CompletedTask;
        return new Sleeper(this, duration, cancellationToken).Task;
    }

    /// <summary>Sleeps until <see cref="Sleeper.Wake"/>.</summary>
    public Sleeper Sleep(CancellationToken cancellationToken) => new(this, Timeout.InfiniteTimeSpan, cancellationToken);

    private ITimer SetTimer(Sleeper sleeper, TimeSpan duration) =>
        clock.CreateTimer(static s => ((Sleeper)s!).Wake(), sleeper, duration, Timeout.InfiniteTimeSpan);

    internal sealed class Sleeper
    {
        private readonly TaskCompletionSource _awake = new();
        private readonly Sleepers _owner;
        private readonly CancellationTokenRegistration _registration;
        private readonly ITimer? _timer;

        public Sleeper(Sleepers owner, TimeSpan duration, CancellationToken token)
        {
            _owner = owner;
            Token = token;

            // Together: one that counts as asleep before its timer is set would let the clock run past it.
            lock (owner._gate)
            {
                _timer = duration == Timeout.InfiniteTimeSpan ? null : owner.SetTimer(this, duration);
                owner._asleep.Add(this);
            }

            _registration = token.UnsafeRegister(
                static (s, t) =>
                {
                    var sleeper = (Sleeper)s!;
                    if (sleeper.TryLeave())
                        sleeper._awake.TrySetCanceled(t);
                },
                this);
        }

        public CancellationToken Token { get; }

        public Task Task => _awake.Task;

        public void Wake()
        {
            if (!TryLeave())
                return;
            _registration.Unregister();
            _awake.TrySetResult();
        }

        private bool TryLeave()
        {
            _timer?.Dispose();
            lock (_owner._gate)
                return _owner._asleep.Remove(this);
        }
    }
}

/// <summary>A gate whose waiters count as asleep.</summary>
internal sealed class VirtualGate(Sleepers sleepers) : Gate
{
    private readonly Lock _lock = new();
    private readonly List<Sleepers.Sleeper> _waiting = [];
    private bool _isOpen;

    public override int Waiting
    {
        get
        {
            lock (_lock)
                return _waiting.Count(s => !s.Task.IsCompleted);
        }
    }

    public override Task PassAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            if (_isOpen)
                return Task.CompletedTask;
            var sleeper = sleepers.Sleep(cancellationToken);
            _waiting.Add(sleeper);
            return sleeper.Task;
        }
    }

    public override void Open()
    {
        List<Sleepers.Sleeper> woken;
        lock (_lock)
        {
            _isOpen = true;
            woken = [.. _waiting];
        }

        foreach (var sleeper in woken)
            sleeper.Wake();
    }
}
