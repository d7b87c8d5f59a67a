using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Hosting;

public sealed class LeavingTests
{
    [Fact]
    public async Task A_host_that_stops_lets_generators_end_before_what_they_need_is_disposed_of()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddRegenCache("catalog");
        builder.Services.AddSingleton<Origin>();
        using var host = builder.Build();
        await host.StartAsync();
        var origin = host.Services.GetRequiredService<Origin>();
        var call = origin.Cache.GetOrCreateAsync("key", origin, static (o, _) => o.AskAsync()).AsTask();
        await origin.Asked.Task;

        var stopping = host.StopAsync();
        origin.Answer.SetResult("made");
        await stopping;

        // The cache was made for the origin, and is disposed of after it.
        Assert.False(origin.IsDisposed);
        Assert.Equal("made", await call);
        Assert.Equal(0, ((RegenCache)origin.Cache).Shell.Agent.RunCount);
        host.Dispose();
        Assert.True(origin.IsDisposed);
    }

    [Fact]
    public async Task A_host_whose_patience_ends_stops_all_the_same()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddRegenCache("catalog", options => options.LeaveTimeout = TimeSpan.FromMinutes(10));
        builder.Services.AddSingleton<Origin>();
        using var host = builder.Build();
        await host.StartAsync();
        var origin = host.Services.GetRequiredService<Origin>();
        var call = origin.Cache.GetOrCreateAsync("key", origin, static (o, _) => o.AskAsync()).AsTask();
        await origin.Asked.Task;

        using var patience = new CancellationTokenSource();
        var stopping = host.StopAsync(patience.Token);
        await patience.CancelAsync();
        await Record.ExceptionAsync(() => stopping);

        Assert.False(call.IsCompleted);
        origin.Answer.SetResult("made");
        Assert.Equal("made", await call);
    }

    [Fact]
    public async Task A_cache_that_nobody_has_used_is_not_made_to_leave()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton<TimeProvider>(_ => throw new InvalidOperationException("It was made."));
        builder.Services.AddRegenCache("catalog");
        using var host = builder.Build();
        await host.StartAsync();
        await host.StopAsync();
    }

    private sealed class Origin(IRegenCache cache) : IDisposable
    {
        public IRegenCache Cache { get; } = cache;

        public TaskCompletionSource Asked { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource<string> Answer { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public bool IsDisposed { get; private set; }

        public async ValueTask<string> AskAsync()
        {
            Asked.SetResult();
            var answer = await Answer.Task;
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return answer;
        }

        public void Dispose() => IsDisposed = true;
    }
}
