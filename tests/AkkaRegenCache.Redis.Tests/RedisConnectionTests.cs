using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using AkkaRegenCache.Notifications;
using AkkaRegenCache.Testing.Servers;
using StackExchange.Redis;
using Xunit;

namespace AkkaRegenCache.Redis.Tests;

/// <summary>The connection that caches share: made here, or found by the application.</summary>
public sealed class RedisConnectionTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    [RedisFact]
    public async Task Without_a_server_a_command_on_a_connection_of_its_own_fails_long_before_its_timeout()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var connection = RedisConnection.To($"{server.Configuration},asyncTimeout=300000,syncTimeout=300000");
        var client = await connection.GetAsync();
        await client.GetDatabase().PingAsync();
        await server.KillAsync();
        await Eventually.Holds(() => !client.IsConnected, "the client has noticed");

        await Assert.ThrowsAsync<RedisConnectionException>(() => client.GetDatabase().PingAsync().WaitAsync(s_patience));
    }

    [RedisFact]
    public async Task A_first_connection_that_comes_to_nothing_is_not_waited_for_as_long_as_it_may_take()
    {
        await using var server = await RedisServer.StartNewAsync();
        using var gate = new Gate(server.Port) { IsDeaf = true };
        await using var connection = RedisConnection.To($"127.0.0.1:{gate.Port},connectTimeout=60000");
        var connecting = connection.GetAsync();
        await Eventually.Holds(() => gate.Swallowed > 0, "the client has tried");
        gate.IsDeaf = false;

        var client = await connecting.WaitAsync(s_patience);
        await Eventually.Holds(() => client.IsConnected, "it is connected");
        await client.GetDatabase().PingAsync();
    }

    [RedisFact]
    public async Task An_application_that_replaced_its_connection_is_asked_for_the_new_one()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var first = await Link.ToAsync(server);
        await using var second = await Link.ToAsync(server);
        var (asked, current) = (0, first);
        await using var connection = new RedisConnection(
            () =>
            {
                asked++;
                return Task.FromResult<IConnectionMultiplexer>(current.Connection);
            },
            isOwn: false);
        var rig = new StoreRig(new RedisStore(connection, "arc", null), new LogList());
        var notifications = new RedisNotifications(connection, "arc", null);
        var heard = 0;
        using var subscription = notifications.Subscribe("catalog", _ => Interlocked.Increment(ref heard));
        for (var round = 1; round <= 2; round++)
        {
            await Eventually.Holds(
                async () =>
                {
                    await notifications.PublishAsync("catalog", new CacheNotification { Publisher = "node", Kind = NotificationKind.Removed, Epoch = "", Key = "key" });
                    return Volatile.Read(ref heard) > 0;
                },
                "it is heard");
            Assert.True((await rig.Write("key")).Accepted);
            Assert.Equal(round, asked);

            current = second;
            await first.DisposeAsync();
            Volatile.Write(ref heard, 0);
        }
    }

    [RedisFact]
    public async Task A_caller_whose_thread_is_gone_holds_up_nobody()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var rig = StoreRig.On(link.Connection, "arc");
        for (var round = 0; round < 2; round++)
        {
            Task first = Task.CompletedTask;
            var thread = new Thread(() =>
            {
                SynchronizationContext.SetSynchronizationContext(new GoneContext());
                first = rig.Read("key").AsTask();
            });
            thread.Start();
            thread.Join();
            await rig.Read("key").AsTask().WaitAsync(s_patience);
            await first.WaitAsync(s_patience);

            // And after each lost connection again.
            var restored = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            link.Connection.ConnectionRestored += (_, e) => _ = e.ConnectionType == ConnectionType.Interactive && restored.TrySetResult();
            await server.AskAsync("CLIENT KILL TYPE normal");
            await restored.Task.WaitAsync(s_patience);
        }
    }

    [RedisFact]
    public async Task A_subscription_keeps_nothing_of_the_context_in_which_it_was_made()
    {
        await using var server = await RedisServer.StartNewAsync();
        await using var link = await Link.ToAsync(server);
        var notifications = new RedisNotifications(link.Connection);
        var heard = 0;
        var (context, subscription) = SubscribeInContext(notifications, () => Interlocked.Increment(ref heard));
        using (subscription)
        {
            await Eventually.Holds(
                async () =>
                {
                    await notifications.PublishAsync("catalog", new CacheNotification { Publisher = "node", Kind = NotificationKind.Removed, Epoch = "", Key = "key" });
                    return Volatile.Read(ref heard) > 0;
                },
                "it is heard");
            await Eventually.Holds(
                () =>
                {
                    GC.Collect();
                    GC.WaitForPendingFinalizers();
                    return !context.IsAlive;
                },
                "what the caller's context held is gone");
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Context, IDisposable Subscription) SubscribeInContext(RedisNotifications notifications, Action onHeard)
    {
        WeakReference? context = null;
        IDisposable? subscription = null;
        var thread = new Thread(() =>
        {
            var request = new object();
            new AsyncLocal<object>().Value = request;
            context = new WeakReference(request);
            subscription = notifications.Subscribe("catalog", _ => onHeard());
        });
        thread.UnsafeStart();
        thread.Join();
        return (context!, subscription!);
    }

    /// <summary>Before a server: takes connections, and where it is silent nothing ever comes back on them.</summary>
    private sealed class Gate : IDisposable
    {
        private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
        private readonly ConcurrentBag<TcpClient> _open = [];
        private int _swallowed;

        public Gate(int server)
        {
            _listener.Start();
            _ = AcceptAsync(server);
        }

        public bool IsDeaf { get; set; }

        public int Swallowed => Volatile.Read(ref _swallowed);

        public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

        public void Dispose()
        {
            _listener.Stop();
            foreach (var each in _open)
                each.Dispose();
        }

        private async Task AcceptAsync(int server)
        {
            while (true)
            {
                TcpClient client;
                try
                {
                    client = await _listener.AcceptTcpClientAsync();
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    return;
                }

                _open.Add(client);
                if (IsDeaf)
                {
                    Interlocked.Increment(ref _swallowed);
                    continue;
                }

                var behind = new TcpClient();
                _open.Add(behind);
                await behind.ConnectAsync(IPAddress.Loopback, server);
                _ = client.GetStream().CopyToAsync(behind.GetStream());
                _ = behind.GetStream().CopyToAsync(client.GetStream());
            }
        }
    }

    /// <summary>A window's, which was closed: nothing runs there any more.</summary>
    private sealed class GoneContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
        }
    }
}
