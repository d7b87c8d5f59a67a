using Akka.Actor;
using Akka.Cluster.Hosting;
using Akka.Hosting;
using Akka.Remote.Hosting;
using AkkaRegenCache.Awaiting;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Messages;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests.Awaiting;

/// <summary>D21: topics, a cluster and a Generic Host, as applications put them together.</summary>
[Trait("Row", "D21")]
public sealed class AwaitingHostingTests
{
    [Fact]
    public async Task A_host_with_two_topics_and_a_cache_finds_their_actors_and_what_is_asked_of_one_is_heard_by_the_other_node()
    {
        using var one = NewHost(Services, Actors);
        using var two = NewHost(Services, Actors);
        await one.StartAsync();
        await two.StartAsync();
        IHost[] hosts = [one, two];
        var clusters = hosts.Select(host => Akka.Cluster.Cluster.Get(host.Services.GetRequiredService<ActorSystem>())).ToList();
        foreach (var cluster in clusters)
            await cluster.JoinAsync(clusters[0].SelfAddress).WaitAsync(Eventually.Patience);
        foreach (var topic in new[] { "orders", "returns" })
        {
            await Topics.ConnectedAsync(
                [.. hosts.Select(host => host.Services.GetRequiredKeyedService<CorrelatedAwaiting<Done, string>>(topic))]);
        }

        var orders = one.Services.GetRequiredService<IRequiredActor<CorrelatedAwaiting<Done, string>>>().ActorRef;
        var returns = one.Services.GetRequiredService<IRequiredActor<ReturnsKey>>().ActorRef;
        var other = two.Services.GetRequiredService<IRequiredActor<CorrelatedAwaiting<Done, string>>>().ActorRef;

        var ordered = await orders.Ask<CorrelatedAwaiter<Done>>(new RegisterAwaiter<string>("1"), Eventually.Patience);
        var returned = await returns.Ask<CorrelatedAwaiter<Done>>(new RegisterAwaiter<string>("1"), Eventually.Patience);
        await other.Ask<MessagePublished>(new PublishMessage<Done>(new Done("1", "packed")), Eventually.Patience);

        Assert.Equal("packed", (await ordered.Task.WaitAsync(Eventually.Patience)).State);
        Assert.False(returned.Task.IsCompleted);

        // The host's container ends what still waits.
        await one.StopAsync().WaitAsync(Eventually.Patience);
        one.Dispose();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => returned.Task.WaitAsync(Eventually.Patience));
        await two.StopAsync().WaitAsync(Eventually.Patience);

        static void Services(IServiceCollection services)
        {
            services.AddRegenCache("orders").UseCluster();
            services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id).UseCluster();
            services.AddCorrelatedAwaiting<Done, string>("returns", done => done.Id).UseCluster();
        }

        static void Actors(AkkaConfigurationBuilder akka) => akka
            .WithCorrelatedAwaiting<Done, string>("orders")
            .WithRegenCache("orders")
            .WithCorrelatedAwaiting<Done, string, ReturnsKey>("returns");
    }

    [Fact]
    public async Task An_actor_that_was_started_again_is_the_one_that_is_found()
    {
        using var host = NewHost(
            services => services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id).UseCluster(),
            akka => akka.WithCorrelatedAwaiting<Done, string>("orders"));
        await host.StartAsync();
        var system = host.Services.GetRequiredService<ActorSystem>();
        var registry = ActorRegistry.For(system);
        var actor = registry.Get<CorrelatedAwaiting<Done, string>>();

        system.Stop(actor);

        await Eventually.Holds(() => !registry.Get<CorrelatedAwaiting<Done, string>>().Equals(actor), "another one is found");
        await host.StopAsync();
    }

    [Fact]
    public async Task What_is_missing_of_the_wiring_ends_the_start_with_the_line_to_add()
    {
        Action<IServiceCollection> registered = services =>
            services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id).UseCluster();
        Action<IServiceCollection> inProcess = services => services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id);
        Action<AkkaConfigurationBuilder> served = akka => akka.WithCorrelatedAwaiting<Done, string>("orders");
        const string mistyped = "services.AddCorrelatedAwaiting<Done, Int32>(\"orders\", …).UseCluster()";
        foreach (var (services, akka, line) in new (Action<IServiceCollection>, Action<AkkaConfigurationBuilder>?, string)[]
        {
            (registered, null, ".WithCorrelatedAwaiting<…>(\"orders\")"),
            (registered, _ => { }, ".WithCorrelatedAwaiting<…>(\"orders\")"),
            (inProcess, served, "services.AddCorrelatedAwaiting<Done, String>(\"orders\", …).UseCluster()"),
            (_ => { }, served, "services.AddCorrelatedAwaiting<Done, String>(\"orders\", …).UseCluster()"),
            (registered, a => a.WithCorrelatedAwaiting<Done, int>("orders"), mistyped),
        })
        {
            using var host = NewHost(services, akka);
            var error = await Assert.ThrowsAsync<InvalidOperationException>(() => host.StartAsync());
            Assert.Contains(line, error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_topic_that_is_served_twice_is_an_error()
    {
        using var host = NewHost(
            services => services.AddCorrelatedAwaiting<Done, string>("orders", done => done.Id).UseCluster(),
            akka => akka.WithCorrelatedAwaiting<Done, string>("orders").WithCorrelatedAwaiting<Done, string>("orders"));

        await Assert.ThrowsAsync<ArgumentException>("topic", () => host.StartAsync());
    }

    private static IHost NewHost(Action<IServiceCollection> services, Action<AkkaConfigurationBuilder>? akka)
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        services(builder.Services);
        if (akka is not null)
        {
            builder.Services.AddAkka("farm", configured =>
            {
                configured.AddHocon(TestConfig.Node, HoconAddMode.Prepend).WithRemoting("127.0.0.1", 0).WithClustering();
                akka(configured);
            });
        }

        return builder.Build();
    }

    private sealed class ReturnsKey;
}
