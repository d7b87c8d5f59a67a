namespace AkkaRegenCache.Testing.Time;

/// <summary>
/// A clock that stands still until it is told to go on. <see cref="Advance"/> runs the timers that come due on the way, in the order of
/// their due times (equal ones in the order they were set), each with the clock standing at its due time. What follows is the same in every
/// run.
/// </summary>
/// <remarks>
/// <para>Callbacks run on the thread that advances, one at a time, and outside of the lock that guards the timers: they may create, change
/// and dispose timers, and may advance the clock themselves. A callback's exception ends that <see cref="Advance"/> and reaches its
/// caller; the clock then stands at that timer's due time and the timers after it have not run.</para>
/// <para>A timer due at once doesn't run inside <see cref="TimeProvider.CreateTimer"/>: it waits for the next <see cref="Advance"/>, of
/// <see cref="TimeSpan.Zero"/> too. So code under test is never re-entered from a call in which it only meant to set a timer.</para>
/// <para>FakeTimeProvider of Microsoft.Extensions.TimeProvider.Testing doesn't serve here: it sets the clock to the end first, so that all
/// timers that come due on the way see that time; it runs a timer that is due at once inside CreateTimer; and it doesn't tell when the next
/// one is due, by which a virtual farm goes from timer to timer.</para>
/// <para>All members may be called from any number of threads; threads that advance at the same time do so one after the other.</para>
/// </remarks>
public sealed class VirtualTimeProvider : TimeProvider
{
    private readonly object _gate = new();
    private readonly object _advancing = new();
    private readonly SortedSet<VirtualTimer> _due = new(VirtualTimer.ByDueTime);
    private readonly DateTimeOffset _start;
    private long _now;
    private long _sequence;

    /// <summary>Creates a clock that stands at the start of 2026, UTC.</summary>
    public VirtualTimeProvider()
        : this(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
    }

    /// <summary>Creates a clock.</summary>
    /// <param name="start">Where it stands.</param>
    public VirtualTimeProvider(DateTimeOffset start) => _start = start.ToUniversalTime();

    /// <summary>Ticks (of 100 ns) in a second, the unit of <see cref="GetTimestamp"/>.</summary>
    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    /// <summary>Always UTC, so that tests don't depend on the machine.</summary>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>How far the clock has gone since it was made.</summary>
    public TimeSpan Elapsed => TimeSpan.FromTicks(GetTimestamp());

    /// <summary>How many timers are set and will run, for tests which assert that nothing is left over.</summary>
    public int PendingTimers
    {
        get
        {
            lock (_gate)
                return _due.Count;
        }
    }

    /// <summary>How long until the next timer is due (0 for one that is due already); null where none is set.</summary>
    public TimeSpan? UntilNextTimer
    {
        get
        {
            lock (_gate)
                return _due.Min is { } first ? TimeSpan.FromTicks(Math.Max(0, first.Due - _now)) : null;
        }
    }

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => _start.AddTicks(GetTimestamp());

    /// <summary>Ticks (of 100 ns) since this clock was made.</summary>
    public override long GetTimestamp()
    {
        lock (_gate)
            return _now;
    }

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new VirtualTimer(this, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    /// <summary>Lets time pass, and runs the timers that come due.</summary>
    /// <param name="duration">How much; <see cref="TimeSpan.Zero"/> runs what is due now.</param>
    /// <exception cref="ArgumentOutOfRangeException">The duration is negative: this clock doesn't go back.</exception>
    public void Advance(TimeSpan duration)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.Zero);

        // Monitors are re-entrant, so a callback may advance; the outer call then finds the clock past its target and stops there.
        lock (_advancing)
        {
            long target = GetTimestamp() + duration.Ticks;
            while (TakeDue(target) is { } timer)
                timer.Run();

            lock (_gate)
                _now = Math.Max(_now, target);
        }
    }

    /// <summary>Lets time pass as it does for a process that is paused: timers due meanwhile run afterwards, late.</summary>
    /// <param name="duration">How much.</param>
    public void Jump(TimeSpan duration)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.Zero);
        lock (_advancing)
        {
            lock (_gate)
                _now += duration.Ticks;
            Advance(TimeSpan.Zero);
        }
    }

    private VirtualTimer? TakeDue(long target)
    {
        lock (_gate)
        {
            if (_due.Min is not { } first || first.Due > target)
                return null;

            _due.Remove(first);
            _now = Math.Max(_now, first.Due);
            if (first.Period > 0)
                Schedule(first, first.Due + first.Period);
            else
                first.IsSet = false;
            return first;
        }
    }

    private void Schedule(VirtualTimer timer, long due)
    {
        timer.Due = due;
        timer.Sequence = ++_sequence;
        timer.IsSet = true;
        _due.Add(timer);
    }

    private sealed class VirtualTimer(VirtualTimeProvider clock, TimerCallback callback, object? state) : ITimer
    {
        public static readonly IComparer<VirtualTimer> ByDueTime = Comparer<VirtualTimer>.Create(static (a, b) =>
            a.Due != b.Due ? a.Due.CompareTo(b.Due) : a.Sequence.CompareTo(b.Sequence));

        private bool _disposed;

        // All guarded by the clock's gate. Due and Sequence place the timer in the set and change only while it is out of it.
        public long Due { get; set; }

        public long Sequence { get; set; }

        public long Period { get; private set; }

        public bool IsSet { get; set; }

        public void Run() => callback(state);

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            ThrowIfNotADuration(dueTime, nameof(dueTime));
            ThrowIfNotADuration(period, nameof(period));
            lock (clock._gate)
            {
                if (_disposed)
                    return false;

                Unset();
                Period = Math.Max(0, period.Ticks);
                if (dueTime != Timeout.InfiniteTimeSpan)
                    clock.Schedule(this, clock._now + dueTime.Ticks);
                return true;
            }
        }

        public void Dispose()
        {
            lock (clock._gate)
            {
                _disposed = true;
                Unset();
            }
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Unset()
        {
            if (IsSet)
                clock._due.Remove(this);
            IsSet = false;
        }

        private static void ThrowIfNotADuration(TimeSpan value, string name)
        {
            // The system's timers take neither, and code that passes virtual time only must not come to rely on it.
            if (value < TimeSpan.Zero && value != Timeout.InfiniteTimeSpan || value.TotalMilliseconds > uint.MaxValue - 1)
                throw new ArgumentOutOfRangeException(name, value, "A timer takes a duration from 0 to 49.7 days, or none.");
        }
    }
}
