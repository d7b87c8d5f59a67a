using AkkaRegenCache.Notifications;
using AkkaRegenCache.Storage;
using AkkaRegenCache.Testing.Stores;
using AkkaRegenCache.Testing.Time;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Hosting;

/// <summary>A host's start connects the caches to their stores, and never fails for want of one.</summary>
public sealed class WarmUpTests
{
    private readonly VirtualTimeProvider _time = new();
    private readonly SlowStore _store = new();

    [Fact]
    public async Task A_host_has_started_when_the_store_has_answered()
    {
        using var host = Build();
        var starting = host.StartAsync();
        await _store.Asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.False(starting.IsCompleted);

        _store.Answer.SetResult(new ReadAnswer { Epoch = "life" });
        await starting.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(1, _store.Reads);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_host_whose_store_hangs_starts_when_the_time_is_over_and_lets_the_call_go()
    {
        using var host = Build();
        var starting = host.StartAsync();
        await _store.Asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        _time.Advance(TimeSpan.FromMilliseconds(1999));
        Assert.False(starting.IsCompleted);

        _time.Advance(TimeSpan.FromMilliseconds(1));
        await starting.WaitAsync(TimeSpan.FromSeconds(10));
        Assert.True(_store.GivenUp.IsCancellationRequested);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_host_whose_store_fails_starts_at_once()
    {
        _store.Answer.SetException(new IOException("refused"));
        using var host = Build();
        await host.StartAsync().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(1, _store.Reads);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_host_that_is_told_not_to_wait_asks_nothing()
    {
        using var host = Build(TimeSpan.Zero);
        await host.StartAsync().WaitAsync(TimeSpan.FromSeconds(10));
        Assert.Equal(0, _store.Reads);
        await host.StopAsync();
    }

    [Fact]
    public async Task A_start_that_is_given_up_waits_no_longer()
    {
        using var host = Build();
        using var patience = new CancellationTokenSource();
        var starting = host.StartAsync(patience.Token);
        await _store.Asked.Task.WaitAsync(TimeSpan.FromSeconds(10));
        await patience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => starting.WaitAsync(TimeSpan.FromSeconds(10)));
    }

    private IHost Build(TimeSpan? patience = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton<TimeProvider>(_time);
        builder.Services.AddRegenCache("catalog", options => options.StoreWarmUpTimeout = patience ?? options.StoreWarmUpTimeout).UseStore(_store);
        return builder.Build();
    }

    /// <summary>Answers reads when it is told to; nothing else is asked for.</summary>
    private sealed class SlowStore : DelegatingStore
    {
        private int _reads;

        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<ReadAnswer> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CancellationToken GivenUp { get; private set; }

        public int Reads => Volatile.Read(ref _reads);

        public override bool StoresObjects => false;

        public override int Partitions => 1;

        public override int PartitionOf(string key) => 0;

        public override IExternalStore ForCache(string cacheName) => this;

        public override bool AnnouncesOn(INotificationBus bus) => false;

        public override ValueTask<ReadAnswer> ReadAsync(ReadRequest request, CancellationToken cancellationToken = default)
        {
            Interlocked.Increment(ref _reads);
            GivenUp = cancellationToken;
            Asked.TrySetResult();
            return new(Answer.Task);
        }
    }
}
