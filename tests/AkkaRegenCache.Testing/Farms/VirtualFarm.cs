using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using AkkaRegenCache.Hosting;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Protocol;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Notifications;
using AkkaRegenCache.Testing.Stores;
using AkkaRegenCache.Testing.Time;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AkkaRegenCache.Testing.Farms;

/// <summary>Where a virtual farm's store really is: it keeps the farm's time, and answers in its own.</summary>
internal interface IVirtualBackend
{
    /// <summary>Calls that are not answered yet. While there is one, virtual time stands.</summary>
    int CallsUnderWay { get; }

    Task SetTimeAsync(TimeSpan now);
}

/// <summary>Nodes in this process on virtual time, over one store and one notification bus.</summary>
/// <remarks>
/// <para>The clock goes from timer to timer. Between them the farm must become quiet: no message unserved, no answer on its way, and no
/// generator or store call at work that isn't one of the <see cref="Sleepers"/> or waits for a cache in its turn. That is waited for by yielding, never by sleeping; a
/// farm that doesn't become quiet within <see cref="Patience"/> of real time fails the test and tells its state.</para>
/// <para>So at each instant everything that can happen has happened before the next, however loaded the machine is. What stays to chance is
/// the order within one instant.</para>
/// </remarks>
internal sealed class VirtualFarm : Farm
{
    private const int StepsWithinOneInstant = 100_000;

    private readonly VirtualTimeProvider _clock = new();
    private readonly Sleepers _generators;
    private readonly Sleepers _storeCalls;
    private readonly IExternalStore _store;
    private readonly IVirtualBackend? _backend;
    private readonly LocalCoordinators? _coordinators;
    private readonly InProcessNotificationBus _bus = new();
    private readonly FarmSetup _setup;
    private readonly List<VirtualNode> _nodes = [];
    private readonly List<RegenCache> _others = [];
    private readonly List<ServiceProvider> _containers = [];
    private readonly BugLogger _logger = new();
    private readonly SemaphoreSlim _stepping = new(1);

    public VirtualFarm(FarmSetup setup, bool storesObjects, bool isCoordinated = false)
        : this(setup, clock => new InMemoryStore(clock, storesObjects), null, isCoordinated)
    {
    }

    /// <summary>A farm over a store of another kind.</summary>
    /// <param name="setup">What the scenario wants.</param>
    /// <param name="store">Makes the store.</param>
    /// <param name="backend">What the store lives in; null: this process.</param>
    /// <param name="isCoordinated">Whether it has coordinators.</param>
    public VirtualFarm(FarmSetup setup, Func<TimeProvider, IExternalStore> store, IVirtualBackend? backend, bool isCoordinated = false)
    {
        _coordinators = isCoordinated ? new LocalCoordinators(4, _clock) : null;
        _setup = setup;
        _backend = backend;
        _generators = new Sleepers(_clock);
        _storeCalls = new Sleepers(_clock);
        _store = store(_clock);
        for (var i = 0; i < setup.Nodes; i++)
            Join();
    }

    public override int Count => _nodes.Count;

    public override TimeSpan Now => _clock.Elapsed;

    // On a real store, a notification within this process may overtake the release it tells of: whoever hears it asks again after 50 ms.
    public override TimeSpan Slack => _backend is null ? TimeSpan.Zero : TimeSpan.FromMilliseconds(60);

    /// <summary>How long the farm may take to become quiet: real time, and as much time of a processor that this process got, which on a loaded machine takes longer.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    public override IRegenCache Node(int index) => _nodes[index].Cache;

    public override ObservedStore StoreOf(int index) => _nodes[index].Store;

    public override ObservedBus BusOf(int index) => _nodes[index].Bus;

    public override long MemoryEntries(int index) => _nodes[index].Cache.MemoryEntries;

    public override long MemoryBytes(int index) => _nodes[index].Cache.MemoryBytes;

    public override int HungGenerators(int index) => _nodes[index].Cache.HungGenerators;

    public override int Join()
    {
        var store = new ObservedStore(_store, DelayStoreAsync);
        var bus = new ObservedBus(_bus, serializes: !_store.StoresObjects);
        _nodes.Add(new VirtualNode(NewCache(_setup.CacheName, store, bus), store, bus));
        return _nodes.Count - 1;
    }

    public override IRegenCache Another(string cacheName)
    {
        var cache = NewCache(cacheName, _store, _bus);
        _others.Add(cache);
        return cache;
    }

    public override void BeginLeave(int index) => _nodes[index].Cache.Dispose();

    public override async Task LeaveAsync(int index)
    {
        await FinishAsync(_nodes[index].Cache.DisposeAsync().AsTask());
        await SettleAsync();
    }

    public override Task AdvanceAsync(TimeSpan duration) => AdvanceUntilAsync(static () => false, duration);

    // On a pool thread, where no synchronization context keeps continuations from running at once.
    public override Task<bool> AdvanceUntilAsync(Func<bool> condition, TimeSpan limit) =>
        Task.Run(() => StepAsync(condition, Now + limit));

    /// <summary>
    /// The process is paused: time passes, and timers that came due meanwhile run afterwards, late and all at once.
    /// </summary>
    public Task PauseAsync(TimeSpan duration) => Task.Run(async () =>
    {
        await QuietAsync();
        if (_backend is not null)
            await _backend.SetTimeAsync(_clock.Elapsed + duration);
        _clock.Jump(duration);
        await QuietAsync();
    });

    public override Task DelayAsync(TimeSpan duration, CancellationToken cancellationToken) => _generators.SleepAsync(duration, cancellationToken);

    public override Gate NewGate() => new VirtualGate(_generators);

    public override IReadOnlyList<string> Leftovers()
    {
        var left = new List<string>();
        for (var i = 0; i < _nodes.Count; i++)
        {
            var shell = _nodes[i].Cache.Shell;
            if (!shell.IsLeaving)
                left.AddRange(shell.Agent.Leftovers().Select(each => $"node {i}: {each}"));
            if (shell.Runs.Active != 0)
                left.Add($"node {i}: {shell.Runs.Active} generators run");
        }

        return left;
    }

    public override async ValueTask DisposeAsync()
    {
        foreach (var cache in All)
            await FinishAsync(cache.DisposeAsync().AsTask());
        await SettleAsync();
        foreach (var container in _containers)
            await container.DisposeAsync();
        if (!_logger.Bugs.IsEmpty)
            throw new InvalidOperationException("The cache logged errors of its own: " + string.Join("; ", _logger.Bugs));
    }

    private IEnumerable<RegenCache> All => _nodes.Select(n => n.Cache).Concat(_others);

    private RegenCache NewCache(string name, IExternalStore store, INotificationBus bus)
    {
        if (_setup.Register is not null)
            return NewRegisteredCache(name, store, bus, _setup.Register);
        var options = new RegenCacheOptions();
        _setup.Configure?.Invoke(options);
        return new RegenCache(name, options, store, bus, LinkFor(name), [], null, _clock, _logger);
    }

    private RegenCache NewRegisteredCache(string name, IExternalStore store, INotificationBus bus, Action<RegenCacheBuilder> register)
    {
        var services = new ServiceCollection();
        services.AddSingleton<TimeProvider>(_clock);
        services.AddSingleton<ILogger<RegenCache>>(_logger);
        var builder = services.AddRegenCache(name, _setup.Configure).UseStore(store).UseNotifications(bus);
        if (LinkFor(name) is { } link)
            builder.UseCoordinators(_ => link);
        register(builder);
        var provider = services.BuildServiceProvider(validateScopes: true);
        _containers.Add(provider);
        return (RegenCache)provider.GetRequiredService<IRegenCache>();
    }

    /// <summary>Another cache has other coordinators: here none.</summary>
    private ICoordinatorLink? LinkFor(string cacheName) => cacheName == _setup.CacheName ? _coordinators?.NewLink() : null;

    private Task DelayStoreAsync(TimeSpan duration) => duration == Timeout.InfiniteTimeSpan
        ? _storeCalls.Sleep(CancellationToken.None).Task
        : _storeCalls.SleepAsync(duration, CancellationToken.None);

    private async Task FinishAsync(Task task)
    {
        // What needs no more time may yet be on its way through a pool that is busy.
        if (!await AdvanceUntilAsync(() => task.IsCompleted, TimeSpan.FromMinutes(1)) && await Task.WhenAny(task, Task.Delay(Patience)) != task)
            throw new TimeoutException("A node doesn't come to its end." + Describe());
        await task;
    }

    private async Task<bool> StepAsync(Func<bool> condition, TimeSpan until)
    {
        var standing = 0;
        while (true)
        {
            // A scenario may wait for several things at once: one of them at a time looks whether all is quiet, and moves the clock.
            await _stepping.WaitAsync();
            try
            {
                await QuietAsync();
                if (condition())
                    return true;

                if (await ComesTrueAsync(condition))
                    return true;

                var left = until - Now;
                if (_clock.UntilNextTimer is not { } step || step > left)
                {
                    await AdvanceClockAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero);
                    await QuietAsync();
                    return condition();
                }

                standing = step == TimeSpan.Zero ? standing + 1 : 0;
                if (standing > StepsWithinOneInstant)
                    throw new InvalidOperationException("Timers are set for now, again and again." + Describe());
                await AdvanceClockAsync(step);
            }
            finally
            {
                _stepping.Release();
            }
        }
    }

    /// <summary>The store's clock goes first: what the timers begin must find its new time.</summary>
    private async Task AdvanceClockAsync(TimeSpan step)
    {
        if (_backend is not null && step > TimeSpan.Zero)
            await _backend.SetTimeAsync(_clock.Elapsed + step);
        _clock.Advance(step);
    }

    /// <summary>The scenario's own continuations may be on their way yet: whatever stands in the pool's queues goes first.</summary>
    private static async Task<bool> ComesTrueAsync(Func<bool> condition)
    {
        for (var turn = 0; turn == 0 || (turn < 20 && ThreadPool.PendingWorkItemCount > 0); turn++)
        {
            await TurnAsync();
            if (condition())
                return true;
        }

        return false;
    }

    private async Task QuietAsync()
    {
        var since = Stopwatch.GetTimestamp();
        var used = Environment.CpuUsage.TotalTime;
        while (!IsQuiet() || _coordinators?.Serve() == true || !IsQuiet())
        {
            await TurnAsync();
            if (Stopwatch.GetElapsedTime(since) > Patience && Environment.CpuUsage.TotalTime - used > Patience)
                throw new TimeoutException("The farm doesn't become quiet." + Describe());
        }
    }

    private bool IsQuiet()
    {
        var active = 0;
        var storeCalls = 0;
        var waiting = 0;
        foreach (var shell in All.Select(c => c.Shell))
        {
            if (shell.Backlog != 0 || shell.AnswersUnderWay != 0 || shell.IsGoingOn)
                return false;
            active += shell.Runs.Active;
            waiting += shell.Runs.Waiting;
            storeCalls += shell.StoreCalls;
        }

        return active == _generators.Count + waiting && storeCalls <= _storeCalls.Count && _backend is null or { CallsUnderWay: 0 };
    }

    /// <summary>Everything that stands in the thread pool's common queue has its turn before this one.</summary>
    private static Task TurnAsync() =>
        Task.Factory.StartNew(static () => { }, CancellationToken.None, TaskCreationOptions.PreferFairness, TaskScheduler.Default);

    private string Describe()
    {
        var text = new StringBuilder().AppendLine().AppendLine($"At {Now}:");
        foreach (var cache in All)
        {
            var shell = cache.Shell;
            text.AppendLine($"  {cache.Name}: backlog {shell.Backlog}, store calls {shell.StoreCalls}, answers {shell.AnswersUnderWay}, "
                + $"generators {shell.Runs.Active}, hung {shell.Runs.Hung}");
        }

        text.AppendLine($"  asleep: {_generators.Count} generators, {_storeCalls.Count} store calls");
        return text.ToString();
    }

    private sealed record VirtualNode(RegenCache Cache, ObservedStore Store, ObservedBus Bus);

    /// <summary>Keeps what the cache logs as an error: it does so only where it finds a bug of its own.</summary>
    private sealed class BugLogger : ILogger<RegenCache>
    {
        public ConcurrentQueue<string> Bugs { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Error;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
                Bugs.Enqueue($"{formatter(state, exception)} {exception}");
        }
    }
}
