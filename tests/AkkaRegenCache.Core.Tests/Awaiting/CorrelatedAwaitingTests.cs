using System.Buffers;
using System.Text;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Core.Tests.Runtime;
using AkkaRegenCache.Testing.Time;
using Microsoft.Extensions.Caching.Hybrid;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Awaiting;

/// <summary>D21: a topic's awaiters on one node, and what it sends to others and takes from them, on channels of the test's own.</summary>
[Trait("Row", "D21")]
public sealed class CorrelatedAwaitingTests
{
    // Long enough that only a hang reaches it; nothing waits for it otherwise.
    private static readonly TimeSpan Watchdog = TimeSpan.FromSeconds(60);

    private readonly FakeChannel.Hub _hub = new();
    private readonly LogLines _log = new();
    private readonly VirtualTimeProvider _clock = new();

    [Fact]
    public async Task In_one_process_a_message_completes_all_awaiters_of_its_key_before_the_publisher_goes_on()
    {
        using var awaiting = new CorrelatedAwaiting<Done, string>("orders", done => done.Id);
        using var one = awaiting.Register("1");
        using var another = awaiting.Register("1");
        using var other = awaiting.Register("2");
        var message = new Done("1", "packed");

        Assert.True(await awaiting.PublishAsync(message));

        Assert.Equal(1, awaiting.Awaiters.AwaiterCount);
        Assert.Same(message, await one.Task.WaitAsync(Watchdog));
        Assert.Same(message, await another.Task.WaitAsync(Watchdog));
        Assert.False(other.Task.IsCompleted);
    }

    [Fact]
    public async Task All_nodes_of_a_farm_hear_a_message_and_the_publisher_s_own_awaiters_get_the_object_itself()
    {
        var (channels, nodes) = Farm(3);
        var awaiters = nodes.Select(node => node.Register("1")).ToList();
        var message = new Done("1", "packed");

        Assert.True(await nodes[0].PublishAsync(message));

        foreach (var awaiter in awaiters)
            Assert.Equal(message, await awaiter.Task.WaitAsync(Watchdog));
        Assert.Same(message, await awaiters[0].Task);
        Assert.NotSame(message, await awaiters[1].Task);
        Assert.All(nodes, node => Assert.Equal(0, node.Awaiters.KeyCount));
        Assert.All(channels, channel => Assert.True(channel.IsSubscribed));
    }

    [Fact]
    public async Task The_echo_of_a_node_s_own_message_completes_nobody_who_came_after_it()
    {
        var (channels, nodes) = Farm(2);
        await nodes[0].PublishAsync(new Done("1", "packed"));
        using var late = nodes[0].Register("1");

        channels[0].Bring(channels[0].LastSent!);

        Assert.False(late.Task.IsCompleted);
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task What_can_not_be_sent_still_reaches_this_node_and_is_told_once_in_ten_seconds()
    {
        var (channels, nodes) = Farm(1);
        channels[0].Failure = new IOException("away");
        for (var i = 0; i < 5; i++)
        {
            using var awaiter = nodes[0].Register("1");
            Assert.False(await nodes[0].PublishAsync(new Done("1", "packed")));
            Assert.Equal("packed", (await awaiter.Task.WaitAsync(Watchdog)).State);
        }

        Assert.Contains("0 more", Assert.Single(_log.Lines).Text, StringComparison.Ordinal);
        _clock.Advance(TimeSpan.FromSeconds(11));
        await nodes[0].PublishAsync(new Done("1", "packed"));
        Assert.Contains("4 more", _log.Lines.Last().Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_message_that_is_too_large_is_an_error_that_names_the_limit_and_nobody_hears_it()
    {
        var (channels, nodes) = Farm(2, options => options.MaximumMessageBytes = 1_000);
        using var awaiter = nodes[0].Register("1");

        var error = await Assert.ThrowsAsync<ArgumentException>(
            "message", async () => await nodes[0].PublishAsync(new Done("1", new string('x', 1_000))));

        Assert.Contains("MaximumMessageBytes is 1,000", error.Message, StringComparison.Ordinal);
        Assert.Null(channels[0].LastSent);
        Assert.False(awaiter.Task.IsCompleted);
    }

    [Fact]
    public async Task A_message_that_can_not_be_serialized_is_an_error_that_names_its_type_and_nobody_hears_it()
    {
        var channel = new FakeChannel(_hub);
        using var awaiting = new CorrelatedAwaiting<Action, int>("odd", _ => 1, new(), channel, null, _clock, _log);
        using var awaiter = awaiting.Register(1);

        var error = await Assert.ThrowsAsync<InvalidOperationException>(async () => await awaiting.PublishAsync(() => { }));

        Assert.Contains(typeof(Action).ToString(), error.Message, StringComparison.Ordinal);
        Assert.False(awaiter.Task.IsCompleted);
    }

    [Fact]
    public async Task Hostile_bytes_are_dropped_with_a_line_in_the_log_and_the_next_message_is_heard()
    {
        var (channels, nodes) = Farm(2, options => options.MaximumMessageBytes = 10_000);
        await nodes[0].PublishAsync(new Done("1", "before"));
        var good = channels[0].LastSent!;
        using var awaiter = nodes[1].Register("1");
        var newer = good.ToArray();
        newer[1]++;
        byte[][] hostile =
        [
            [], [0xA7], [0xA7, 1], good[..10], newer, [.. good[..10], 9], [.. good[..10], 0],
            [.. good[..10], 2, .. "{"u8], [.. good[..10], 2, .. "null"u8],
            [.. good[..10], 2, .. Encoding.UTF8.GetBytes("{\"Id\":null}")], [.. good, .. new byte[20_000]],
        ];

        foreach (var bytes in hostile)
        {
            var before = _log.Lines.Count;
            _clock.Advance(TimeSpan.FromSeconds(11));
            channels[1].Bring(bytes);
            Assert.Equal(before + 1, _log.Lines.Count);
        }

        Assert.False(awaiter.Task.IsCompleted);
        channels[1].Bring(good);
        Assert.Equal("before", (await awaiter.Task.WaitAsync(Watchdog)).State);
    }

    [Fact]
    public async Task Mutated_frames_never_throw_and_allocate_no_more_than_their_bytes_account_for()
    {
        var (channels, nodes) = Farm(2);
        await nodes[0].PublishAsync(new Done("1", new string('x', 100)));
        var good = channels[0].LastSent!;
        var random = new Random(20261201);
        for (var i = 0; i < 20_000; i++)
        {
            using var awaiter = nodes[1].Register("1");
            var bytes = good.ToArray();
            for (var times = random.Next(1, 4); times > 0; times--)
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            channels[1].Bring(bytes[..random.Next(bytes.Length + 1)]);
        }

        Assert.Equal(0, nodes[1].Awaiters.AwaiterCount);
        using var last = nodes[1].Register("1");
        channels[1].Bring(good);
        Assert.Equal("1", (await last.Task.WaitAsync(Watchdog)).Id);
    }

    [Fact]
    public async Task A_key_function_that_throws_costs_the_message_alone()
    {
        var channels = new[] { new FakeChannel(_hub), new FakeChannel(_hub) };
        using var sender = new CorrelatedAwaiting<Done, string>("orders", done => done.Id, new(), channels[0], null, _clock, _log);
        using var hearer = new CorrelatedAwaiting<Done, string>(
            "orders", done => done.State == "bad" ? throw new FormatException("no key") : done.Id, new(), channels[1], null, _clock, _log);
        using var awaiter = hearer.Register("1");

        await sender.PublishAsync(new Done("1", "bad"));
        Assert.Contains("its key can't be told", Assert.Single(_log.Lines).Text, StringComparison.Ordinal);
        await sender.PublishAsync(new Done("1", "good"));

        Assert.Equal("good", (await awaiter.Task.WaitAsync(Watchdog)).State);
        await Assert.ThrowsAsync<FormatException>(async () => await hearer.PublishAsync(new Done("1", "bad")));
    }

    [Fact]
    public async Task A_node_where_nobody_waits_does_not_deserialize()
    {
        var serializer = new CountingSerializer();
        var services = new ServiceCollection().AddSingleton<IHybridCacheSerializer<Done>>(serializer).BuildServiceProvider();
        var channels = new[] { new FakeChannel(_hub), new FakeChannel(_hub) };
        using var sender = new CorrelatedAwaiting<Done, string>("orders", done => done.Id, new(), channels[0], services, _clock, _log);
        using var hearer = new CorrelatedAwaiting<Done, string>("orders", done => done.Id, new(), channels[1], services, _clock, _log);

        await sender.PublishAsync(new Done("1", "unheard"));
        Assert.Equal(0, serializer.Read);
        using var awaiter = hearer.Register("1");
        await sender.PublishAsync(new Done("1", "heard"));

        Assert.Equal("heard", (await awaiter.Task.WaitAsync(Watchdog)).State);
        Assert.Equal(1, serializer.Read);
    }

    [Fact]
    public async Task Awaiters_that_are_cancelled_or_disposed_or_too_old_leave_nothing()
    {
        var (_, nodes) = Farm(1, options => options.MaximumLifetime = TimeSpan.FromSeconds(30));
        using var cancellation = new CancellationTokenSource();
        var cancelled = nodes[0].Register("1", cancellation.Token);
        var disposed = nodes[0].Register("1");
        var forgotten = nodes[0].Register("2");

        await cancellation.CancelAsync();
        disposed.Dispose();
        _clock.Advance(TimeSpan.FromSeconds(31));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.Task.WaitAsync(Watchdog));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => disposed.Task.WaitAsync(Watchdog));
        await Assert.ThrowsAsync<TimeoutException>(() => forgotten.Task.WaitAsync(Watchdog));
        Assert.Equal((0, 0), (nodes[0].Awaiters.AwaiterCount, nodes[0].Awaiters.KeyCount));
    }

    [Fact]
    public async Task Disposal_ends_the_awaiters_and_the_subscription()
    {
        var (channels, nodes) = Farm(1);
        var awaiter = nodes[0].Register("1");

        nodes[0].Dispose();
        nodes[0].Dispose();

        await Assert.ThrowsAsync<ObjectDisposedException>(() => awaiter.Task.WaitAsync(Watchdog));
        Assert.False(channels[0].IsSubscribed);
        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await nodes[0].PublishAsync(new Done("1", "")));
        Assert.Throws<ObjectDisposedException>(() => nodes[0].Register("1"));
    }

    [Fact]
    public async Task A_container_has_each_topic_under_its_name_and_the_first_of_its_types_without()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id);
        builder.Services.AddCorrelatedAwaiting<Done, string>(
            "returns", done => done.Id, options => options.Comparer = StringComparer.OrdinalIgnoreCase);
        using var host = builder.Build();
        await host.StartAsync();
        var orders = host.Services.GetRequiredService<CorrelatedAwaiting<Done, string>>();
        var returns = host.Services.GetRequiredKeyedService<CorrelatedAwaiting<Done, string>>("returns");
        using var ordered = orders.Register("a");
        using var returned = host.Services.GetRequiredKeyedService<CorrelatedAwaitManager<Done, string>>("returns").Register("A");

        await returns.PublishAsync(new Done("a", "returned"));

        Assert.Equal("orders", orders.Topic);
        Assert.Same(orders.Awaiters, host.Services.GetRequiredService<CorrelatedAwaitManager<Done, string>>());
        Assert.Equal("returned", (await returned.Task.WaitAsync(Watchdog)).State);
        Assert.False(ordered.Task.IsCompleted);
        await host.StopAsync();
    }

    [Fact]
    public void What_is_not_usable_is_an_error_at_the_registration_that_names_it()
    {
        var services = new ServiceCollection();
        services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id);

        Assert.Throws<ArgumentException>("topic", () => services.AddCorrelatedAwaiting<string, string>("orders", text => text));
        Assert.Throws<ArgumentException>("topic", () => services.AddCorrelatedAwaiting<string, string>(" ", text => text));
        Assert.Throws<ArgumentNullException>("keyOf", () => services.AddCorrelatedAwaiting<string, string>("other", null!));
        foreach (var (name, set) in new (string, Action<CorrelatedAwaitingOptions<string>>)[]
        {
            ("MaximumLifetime", options => options.MaximumLifetime = TimeSpan.Zero),
            ("MaximumLifetime", options => options.MaximumLifetime = TimeSpan.MaxValue),
            ("MaximumMessageBytes", options => options.MaximumMessageBytes = 0),
        })
        {
            var error = Assert.Throws<ArgumentException>(() => services.AddCorrelatedAwaiting<string, string>("other", text => text, set));
            Assert.Contains(name, error.Message, StringComparison.Ordinal);
        }

        services.AddCorrelatedAwaiting<string, string>(
            "other", text => text, options => options.MaximumLifetime = Timeout.InfiniteTimeSpan);
    }

    [Fact]
    public async Task A_serializer_may_be_given_for_one_topic()
    {
        var serializer = new CountingSerializer();
        var services = new ServiceCollection();
        services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id)
            .UseSerializer(serializer)
            .UseChannel(_ => new FakeChannel(_hub));
        services.AddCorrelatedAwaiting<Done, string>("returns", done => done.Id).UseChannel(_ => new FakeChannel(_hub));
        await using var provider = services.BuildServiceProvider();

        await provider.GetRequiredKeyedService<CorrelatedAwaiting<Done, string>>("returns").PublishAsync(new Done("1", ""));
        Assert.Equal(0, serializer.Written);
        await provider.GetRequiredKeyedService<CorrelatedAwaiting<Done, string>>("orders").PublishAsync(new Done("1", ""));

        Assert.Equal(1, serializer.Written);
    }

    private (FakeChannel[] Channels, CorrelatedAwaiting<Done, string>[] Nodes) Farm(
        int count, Action<CorrelatedAwaitingOptions<string>>? configure = null)
    {
        var options = new CorrelatedAwaitingOptions<string>();
        configure?.Invoke(options);
        FakeChannel[] channels = [.. Enumerable.Range(0, count).Select(_ => new FakeChannel(_hub))];
        return (channels, [.. channels.Select(Node)]);

        CorrelatedAwaiting<Done, string> Node(FakeChannel channel) => new("orders", done => done.Id, options, channel, null, _clock, _log);
    }

    internal sealed record Done(string Id, string State);

    private sealed class CountingSerializer : IHybridCacheSerializer<Done>
    {
        public int Read { get; private set; }

        public int Written { get; private set; }

        public Done Deserialize(ReadOnlySequence<byte> source)
        {
            Read++;
            var parts = Encoding.UTF8.GetString(source).Split('|');
            return new Done(parts[0], parts[1]);
        }

        public void Serialize(Done value, IBufferWriter<byte> target)
        {
            Written++;
            target.Write(Encoding.UTF8.GetBytes($"{value.Id}|{value.State}"));
        }
    }
}
